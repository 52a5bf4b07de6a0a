// The explorer: what all panels share, and the panels.
import { chooser, element, segments, slider } from "./controls.js";
import { makePanel } from "./panel.js";
import { makeStore } from "./store.js";

const LAYERS = [
  ["image", "image"],
  ["attention", "attention"],
  ["gradcam", "Grad-CAM"],
  ["cues", "cue mask"],
];

// Show it in `root`. index: what answers.index gives; ask(question): a promise of the answer.
export function render(root, index, ask) {
  const store = makeStore(ask);
  const first = index.networks[0];
  const state = { network: first.key, layer: "attention", strength: 0.6, smooth: false, by: "o2" };
  const context = { index, store, state };
  const panels = [];

  const network = () => index.networks.find(({ key }) => key === state.network);
  const set = () => index.sets[network().set];

  const sets = chooser("Data set", (name) => {
    const same = index.networks.filter((other) => other.set === name);
    state.network = (same.find(({ title }) => title === network().title) ?? same[0]).key;
    while (panels.length > 1) panels.pop().view.node.remove();
    Object.assign(panels[0].panel, { place: set().start, map: { t: 0 } });
    reload();
  });
  const networks = chooser("Network", (key) => {
    state.network = key;
    reload();
  });
  const layers = segments("Layer", LAYERS, (layer) => share({ layer }));
  const strength = slider("Overlay", { min: 0, max: 100, step: 1 }, (value) =>
    share({ strength: value / 100 }),
  );
  const drawn = segments("Drawn", [["cells", "cells"], ["smooth", "smoothed"]], (how) =>
    share({ smooth: how === "smooth" }),
  );
  const by = segments("Rank by", [["o2", "o2, fine"], ["o1", "o1, coarse"]], (which) => share({ by: which }));
  const beside = element("button", { type: "button", class: "beside", onclick: toggle }, "Second vehicle");
  const provenance = element("p", { class: "provenance" });
  const room = element("div", { class: "panels" });

  function share(change) {
    Object.assign(state, change);
    show();
    panels.forEach(({ view }) => view.update());
  }

  function reload() {
    show();
    panels.forEach(({ view }) => view.load());
  }

  function show() {
    const names = Object.entries(index.sets).map(([key, { name }]) => [key, name]);
    sets.show(names, network().set);
    const here = index.networks.filter((other) => other.set === network().set);
    networks.show(here.map(({ key, title }) => [key, title]), state.network);
    if (!network().attends && state.layer === "attention") state.layer = "gradcam";
    const able = { attention: network().attends, cues: set().synthetic };
    layers.show(state.layer, (layer) => able[layer] ?? true);
    drawn.show(state.smooth ? "smooth" : "cells");
    by.show(state.by);
    strength.show(Math.round(100 * state.strength), `${Math.round(100 * state.strength)} %`);
    beside.setAttribute("aria-pressed", `${panels.length > 1}`);
    room.classList.toggle("two", panels.length > 1);
    const pictures = `${set().title}.`;
    provenance.replaceChildren(
      element("strong", {}, pictures),
      ` ${network().title}, ${network().trained}. ${set().protocol}`,
    );
  }

  function add(place) {
    const panel = { place, map: { t: 0 } };
    const view = makePanel(context, panel, panels.length ? "Second vehicle" : "First vehicle");
    panels.push({ panel, view });
    room.append(view.node);
    show();
    view.load();
  }

  function toggle() {
    if (panels.length > 1) {
      panels.pop().view.node.remove();
      show();
      panels[0].view.update();
      return;
    }
    // A look-alike of the first, if there is one.
    const query = panels[0].panel.place;
    const others = set().vehicles.filter(([id]) => id !== set().vehicle[query]);
    const alike = others.find(([, looks]) => looks === set().looks[query]);
    add((alike ?? others[0] ?? set().vehicles[0])[2][0]);
  }

  root.classList.add("rnnha-explorer");
  root.replaceChildren(
    element(
      "div",
      { class: "inside" },
      provenance,
      element(
        "div",
        { class: "tools" },
        sets.node,
        networks.node,
        layers.node,
        drawn.node,
        strength.node,
        by.node,
        beside,
      ),
      room,
    ),
  );
  add(set().start);
}
