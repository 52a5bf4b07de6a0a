// The picture with its layers, and the grid of cells to read and to paint.
import { element } from "./controls.js";
import { drawCells, drawMask, drawSmooth, fit } from "./drawing.js";

const STEP = 0.5; // of + and -
const MOST = 4;

// read(cell or null) and paint(cell, weight) are told what happens; weightOf(cell) is the weight
// that is painted there, 0 where none is.
export function makeStage({ read, paint, weightOf, mayPaint }) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const grid = element("div", { class: "grid", role: "grid" });
  const stage = element("div", { class: "stage" }, canvas, grid);
  const node = element("div", { class: "frame" }, stage);
  let [rows, columns] = [0, 0];
  let current = 0;
  let brush = null; // the weight that a stroke sets
  let from = null; // the cell that a stroke was at last, or a finger touched
  let last = null; // what was drawn, to draw it again at another size

  function build(size) {
    if (size[0] === rows && size[1] === columns) return;
    [rows, columns] = size;
    current = 0;
    const cell = (row, column) =>
      element("div", {
        role: "gridcell",
        tabindex: row + column === 0 ? 0 : -1,
        "data-cell": row * columns + column,
      });
    const line = (row) =>
      element(
        "div",
        { role: "row" },
        ...Array.from({ length: columns }, (_, column) => cell(row, column)),
      );
    grid.style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${columns}, 1fr)`;
    grid.replaceChildren(...Array.from({ length: rows }, (_, row) => line(row)));
  }

  const cells = () => grid.querySelectorAll("[data-cell]");
  const cellOf = (target) => {
    const found = target?.closest?.("[data-cell]");
    return found && grid.contains(found) ? Number(found.dataset.cell) : null;
  };

  function move(cell) {
    cells()[current].tabIndex = -1;
    current = cell;
    cells()[current].tabIndex = 0;
    cells()[current].focus({ preventScroll: true });
  }

  // Paint all cells on the line from the last one to this one: a fast hand skips some.
  function stroke(cell) {
    if (cell === null || !mayPaint()) return;
    brush ??= weightOf(from ?? cell) > 0 ? 0 : 1;
    for (const passed of between(from ?? cell, cell))
      if (weightOf(passed) !== brush) paint(passed, brush);
    from = cell;
  }

  function between(one, other) {
    const [row, column] = [Math.floor(one / columns), one % columns];
    const [down, right] = [Math.floor(other / columns) - row, (other % columns) - column];
    const steps = Math.max(Math.abs(down), Math.abs(right), 1);
    const at = (i) =>
      (row + Math.round((down * i) / steps)) * columns + column + Math.round((right * i) / steps);
    return Array.from({ length: steps + 1 }, (_, i) => at(i));
  }

  function lift() {
    brush = null;
    from = null;
  }

  // A mouse or a pen paints where it is pressed. A finger may be about to scroll the page: it paints
  // when it is lifted where it touched, or when it has gone on to another cell.
  grid.addEventListener("pointerdown", (event) => {
    const cell = cellOf(event.target);
    if (cell === null || event.button !== 0) return;
    event.preventDefault();
    lift();
    if (event.pointerType === "touch") from = cell;
    else {
      move(cell);
      stroke(cell);
    }
  });
  grid.addEventListener("pointermove", (event) => {
    // A finger holds on to the cell that it touched first.
    const cell = cellOf(document.elementFromPoint(event.clientX, event.clientY)) ?? cellOf(event.target);
    read(cell);
    if (event.buttons & 1 && cell !== from) stroke(cell);
  });
  grid.addEventListener("pointerup", (event) => {
    if (event.pointerType === "touch" && from !== null) {
      move(from);
      if (brush === null) stroke(from);
    }
    lift();
  });
  for (const end of ["pointercancel", "lostpointercapture"]) grid.addEventListener(end, lift);
  // What was read last stays there: what stands below must not move away under the pointer.
  grid.addEventListener("pointerleave", () => {
    lift();
    if (grid.contains(document.activeElement)) read(current);
  });
  grid.addEventListener("focusin", (event) => read(cellOf(event.target)));

  const to = {
    ArrowUp: () => current - columns,
    ArrowDown: () => current + columns,
    ArrowLeft: () => (current % columns ? current - 1 : current),
    ArrowRight: () => ((current + 1) % columns ? current + 1 : current),
    Home: () => current - (current % columns),
    End: () => current - (current % columns) + columns - 1,
  };
  const set = {
    Enter: () => (weightOf(current) > 0 ? 0 : 1),
    " ": () => (weightOf(current) > 0 ? 0 : 1),
    "+": () => Math.min(MOST, weightOf(current) + STEP),
    "=": () => Math.min(MOST, weightOf(current) + STEP),
    "-": () => Math.max(0, weightOf(current) - STEP),
  };
  grid.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    if (key in to) {
      const cell = to[key]();
      if (cell >= 0 && cell < rows * columns) move(cell);
    } else if (key in set) {
      if (mayPaint()) paint(current, set[key]());
    } else return;
    event.preventDefault();
  });

  function draw() {
    if (!last || !canvas.isConnected) return;
    const { image, layer, heat, size, mask, strength, smooth, colours, cue } = last;
    const context = fit(canvas, image);
    if (layer === "cues" && mask) drawMask(context, image, mask, strength, cue);
    if (heat) (smooth ? drawSmooth : drawCells)(context, heat, size, strength, colours);
  }
  new ResizeObserver(draw).observe(canvas);

  return {
    node,
    // labels: what each cell is called. what: see draw.
    show(what, name, labels) {
      last = what;
      stage.style.setProperty("--ratio", what.image.naturalWidth / what.image.naturalHeight);
      build(what.size);
      grid.setAttribute("aria-label", name);
      cells().forEach((cell, i) => {
        cell.setAttribute("aria-label", labels[i]);
        cell.classList.toggle("painted", weightOf(i) > 0);
      });
      draw();
    },
  };
}
