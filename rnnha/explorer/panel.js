// One vehicle: its picture and maps, the attention that is used, and whom it finds.
import { chooser, element, newId, percent, slider } from "./controls.js";
import { attended, blend, fineStep, painted, softplus, uniform } from "./model.js";
import { rank, rightRanks } from "./ranking.js";
import { makeResults } from "./results.js";
import { makeStage } from "./stage.js";

// state: what the whole explorer shows (network, layer, strength, smooth, by); panel: what this
// one shows, { place, map }, where map is { t } from -1 (uniform) over 0 (own) to 1 (true cues),
// or { weights } that were painted.
// name: what this vehicle is called beside another.
export function makePanel({ index, store, state }, panel, name) {
  const vehicles = chooser("Vehicle", (id) => open(vehicleOf(Number(id))[2][0]));
  const images = element("fieldset", { class: "images" });
  const readout = element("p", { class: "readout" });
  const results = makeResults(store);
  const note = element("p", { class: "note" });
  const range = { min: -100, max: 100, step: 1, class: "mix" };
  const mix = slider("Attention", range, (value) => use({ t: value / 100 }));
  const stops = [[-1, "uniform"], [0, "its own"], [1, "true cues"]].map(([t, text]) =>
    element("button", { type: "button", onclick: () => use({ t }) }, text),
  );
  const clear = element(
    "button",
    { type: "button", onclick: () => ready() && use({ weights: new Array(size()).fill(0) }) },
    "clear, to paint",
  );
  const attention = element(
    "div",
    { class: "attention" },
    mix.node,
    element("div", { class: "stops" }, ...stops),
    element("div", { class: "brush" }, note, clear),
  );
  const stage = makeStage({
    read: (cell) => {
      pointed = cell;
      readout.replaceChildren(...reading());
    },
    paint,
    weightOf: (cell) => panel.map.weights?.[cell] ?? 0,
    mayPaint: () => ready() && Boolean(shown.image.own),
  });
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const node = element(
    "section",
    { class: "panel", "aria-label": name },
    element(
      "div",
      { class: "look" },
      element("div", { class: "which" }, vehicles.node, images),
      stage.node,
      readout,
      attention,
    ),
    element("div", { class: "find" }, problem, results.node),
  );
  let shown = null; // what is on the screen: the answers, and which set they are of
  let turn = 0;
  let pointed = null; // the cell to read
  let ownFound = null;

  const network = () => index.networks.find(({ key }) => key === state.network);
  const set = () => index.sets[network().set];
  const vehicleOf = (id) => set().vehicles.find(([vehicle]) => vehicle === id);
  const size = () => shown.grid[0] * shown.grid[1];
  // While others are asked for, the answers on the screen are not played with.
  const ready = () => shown !== null && !node.hasAttribute("aria-busy");

  function use(map) {
    if (!ready()) return;
    panel.map = map;
    update();
  }

  function paint(cell, weight) {
    const weights = panel.map.weights ?? new Array(size()).fill(0);
    use({ weights: weights.map((value, i) => (i === cell ? weight : value)) });
  }

  function open(place) {
    panel.place = place;
    if (panel.map.weights) panel.map = { t: 0 };
    load();
  }

  // Ask for what is to be shown, then show it; of several calls the last one is shown.
  async function load() {
    turn += 1;
    const mine = turn;
    const { key, set: setName, attends, weights } = network();
    const of = set();
    node.setAttribute("aria-busy", "true");
    choices();
    try {
      const [image, picture, gallery, step] = await Promise.all([
        store.image(key, panel.place),
        store.picture(setName, panel.place),
        attends ? store.network(key) : null,
        attends ? store.weights(weights) : null,
      ]);
      if (mine !== turn) return;
      const grid = image.grid ?? [1, 1];
      shown = { image, picture, gallery, step, grid, place: panel.place, setName, set: of };
      ownFound = attends ? found(image.own) : null;
      if (pointed >= size()) pointed = null;
      if (panel.map.weights && panel.map.weights.length !== size()) panel.map = { t: 0 };
      node.classList.remove("failed");
      problem.hidden = true;
      update();
    } catch (error) {
      if (mine !== turn) return;
      shown = null; // what stood there is another's
      node.classList.add("failed");
      problem.hidden = false;
      problem.textContent = `This cannot be shown: ${error.message}`;
    } finally {
      if (mine === turn) node.removeAttribute("aria-busy");
    }
  }

  function choices() {
    const id = set().vehicle[panel.place];
    vehicles.show(set().vehicles.map(([vehicle, looks]) => [`${vehicle}`, `${vehicle}: ${looks}`]), `${id}`);
    const key = `${network().set}|${id}`;
    if (images.dataset.key !== key) {
      images.dataset.key = key;
      const name = newId();
      const choice = (place) => {
        const picture = element("img", { alt: set().seen[place] || "image" });
        store.thumbnail(network().set, place).then((url) => (picture.src = url), () => {});
        const input = element("input", { type: "radio", name, value: place, onchange: () => open(place) });
        return element("label", {}, input, picture);
      };
      const legend = element("legend", {}, "Image");
      images.replaceChildren(legend, element("div", {}, ...vehicleOf(id)[2].map(choice)));
    }
    for (const input of images.querySelectorAll("input"))
      input.checked = Number(input.value) === panel.place;
  }

  // --- the attention that is used, and what it finds ---

  function mapUsed() {
    const { own, cues } = shown.image;
    if (panel.map.weights) return painted(panel.map.weights);
    const t = panel.map.t;
    if (t < 0) return blend(own, uniform(own.length), -t);
    return t > 0 && cues ? blend(own, cues, t) : Array.from(own);
  }

  function found(map) {
    const { image, gallery, step, place, set: of } = shown;
    const x2 = attended(image, Array.from(map), gallery.scale);
    return rank(fineStep(step, x2, image.before), place, gallery, of);
  }

  function ranking(map) {
    const { image, place, set: of } = shown;
    if (state.by === "o2" && map) {
      const now = found(map);
      const before = new Map(ownFound.map((item, i) => [item.place, i + 1]));
      const own = rightRanks(ownFound, place, of);
      return { by: "o2", found: now, right: rightRanks(now, place, of), own, before };
    }
    const by = state.by in image.rankings ? state.by : "o2";
    const fixed = image.rankings[by];
    const list = fixed.places.map((other, i) => ({ place: other, distance: fixed.distances[i] }));
    return { by, found: list, right: fixed.right, own: fixed.right, before: null };
  }

  // --- what is on the screen ---

  function update() {
    if (!shown) return;
    const began = performance.now();
    const { image, picture, grid, place, setName, set: of } = shown;
    const map = image.own ? mapUsed() : null;
    shown.map = map;
    const heat = { attention: map, gradcam: image.gradcam }[state.layer] ?? null;
    stage.show(
      {
        image: picture,
        layer: state.layer,
        heat,
        mask: image.mask,
        size: grid,
        strength: state.strength,
        smooth: state.smooth,
        colours: index.colours,
        cue: index.cue,
      },
      `vehicle ${of.vehicle[place]}, ${of.seen[place]}: ${grid[0]} by ${grid[1]} cells`,
      Array.from({ length: size() }, (_, cell) => label(cell)),
    );
    attention.hidden = !map;
    if (map) showMix();
    readout.replaceChildren(...reading());
    results.show({ setName, set: of, query: place, ...ranking(map) });
    node.dataset.milliseconds = (performance.now() - began).toFixed(1);
  }

  function showMix() {
    const { mask, cues } = shown.image;
    const { t, weights } = panel.map;
    const at = weights ? 0 : cues ? t : Math.min(0, t);
    const share = Math.round(100 * Math.abs(at));
    const end = at < 0 ? "uniform" : "true cues";
    const between = { 0: "the network's own", 100: end };
    const text = weights
      ? "painted"
      : (between[share] ?? `${share} % ${end}, ${100 - share} % its own`);
    mix.input.max = cues ? 100 : 0; // first, for a value above it is cut off
    mix.show(Math.round(100 * at), text);
    node.classList.toggle("no-cues", !cues);
    node.classList.toggle("is-painted", Boolean(weights));
    stops[2].disabled = !cues;
    stops.forEach((button, i) => button.setAttribute("aria-pressed", `${!weights && at === i - 1}`));
    const about = weights ? aboutPaint(weights) : aboutMix(text, mask && !cues);
    const still = " o1 comes before the attention: its ranking does not change.";
    note.textContent = state.by === "o1" ? about + still : about;
  }

  function aboutPaint(weights) {
    return weights.some((value) => value > 0)
      ? "Your own attention. Click cells to set and unset them."
      : "Nothing is painted yet, so it is uniform: click cells.";
  }

  function aboutMix(text, hidden) {
    const said = text[0].toUpperCase() + text.slice(1);
    return `${said}. ${hidden ? "No cue is visible here. " : ""}Click cells to paint your own.`;
  }

  function where(cell) {
    const [row, column] = [Math.floor(cell / shown.grid[1]), cell % shown.grid[1]];
    return `row ${row}, column ${column}`; // from 0, as in the notebooks
  }

  // Empty where Grad-CAM is not what is looked at.
  function gradcam(cell) {
    const values = state.layer === "gradcam" && shown.image.gradcam;
    return values ? `Grad-CAM ${values[cell].toFixed(3)}` : "";
  }

  function label(cell) {
    const { map, image } = shown;
    const attention = map && `weight ${percent(map[cell])}, score ${image.scores[cell].toFixed(2)}`;
    const read = [gradcam(cell), attention].filter(Boolean).join(", ");
    return read ? `${where(cell)}: ${read}` : where(cell);
  }

  // Two lines about the cell that is pointed at.
  function reading() {
    if (!shown) return [];
    const { map, image } = shown;
    const lines = (...texts) => texts.map((text) => element("span", {}, text));
    if (!image.own) {
      const cell = pointed === null || !gradcam(pointed) ? [] : [label(pointed)];
      return lines("This network has no attention of its own: its ranking is fixed.", ...cell);
    }
    if (pointed === null)
      return lines(
        "Point at a cell, or go there by the arrow keys, to read it.",
        "Click, Enter, + and − paint.",
      );
    const positive = Array.from(image.scores, (score) => softplus(score) + index.epsilon);
    const total = positive.reduce((sum, value) => sum + value, 0);
    const score = image.scores[pointed].toFixed(2);
    const own = percent(image.own[pointed]);
    const even = percent(1 / map.length);
    const after = gradcam(pointed) && `${gradcam(pointed)}, `;
    return lines(
      `${where(pointed)}: ${after}weight ${percent(map[pointed])}; its own is ${own}, even ${even}`,
      `score ⟨u, X⟩ = ${score}; (softplus(${score}) + ${index.epsilon}) / ${total.toFixed(1)} = ${own}`,
    );
  }

  return { node, load, update };
}
