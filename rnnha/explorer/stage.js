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

  function stroke(cell) {
    if (cell !== null && brush !== null && weightOf(cell) !== brush) paint(cell, brush);
  }

  grid.addEventListener("pointerdown", (event) => {
    const cell = cellOf(event.target);
    if (cell === null || event.button !== 0) return;
    event.preventDefault();
    move(cell);
    if (!mayPaint()) return;
    brush = weightOf(cell) > 0 ? 0 : 1;
    stroke(cell);
  });
  grid.addEventListener("pointermove", (event) => {
    // A finger holds on to the cell that it touched first.
    const cell = cellOf(document.elementFromPoint(event.clientX, event.clientY)) ?? cellOf(event.target);
    read(cell);
    if (event.buttons & 1) stroke(cell);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
    grid.addEventListener(end, () => (brush = null));
  grid.addEventListener("pointerleave", () => {
    brush = null;
    read(grid.contains(document.activeElement) ? current : null);
  });
  grid.addEventListener("focusin", (event) => read(cellOf(event.target)));
  grid.addEventListener("focusout", () => read(null));

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
