// The nearest images of the gallery, what they make of the query, and how that changes.
import { element } from "./controls.js";
import { averagePrecision, isRight } from "./ranking.js";

const SHOWN = 12;
const ALONE = "No other image of this vehicle is in the gallery";
const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

export function makeResults(store) {
  const score = element("p", { class: "score" });
  const strip = element("div", { class: "strip" });
  const list = element("ol", { class: "found", "aria-label": "nearest gallery images" });
  const spoken = element("p", { class: "spoken", role: "status" });
  const items = new Map(); // by place: cards stay, and move
  let speaking;

  function card(setName, set, place, query) {
    const key = `${setName}|${place}|${query}`;
    if (!items.has(key)) {
      const right = isRight(set, query, place);
      const picture = element("img", { alt: "", width: 128, height: 96 });
      store.thumbnail(setName, place).then((url) => (picture.src = url), () => {});
      const alike = set.tells && set.looks[query] === set.looks[place];
      const kind = right ? "right" : alike ? "alike" : "wrong";
      const says = { right: "same", alike: "look-alike", wrong: "other" }[kind];
      const line = element("span", { class: "line" });
      const node = element(
        "li",
        { class: right ? "right" : "wrong", "data-place": place },
        picture,
        line,
        element("span", { class: "says" }, `${right ? "✓" : "✗"} ${says}`),
        element("span", { class: "who" }, `${set.vehicle[place]}: ${set.looks[place]}`),
      );
      items.set(key, { node, line });
    }
    return items.get(key);
  }

  // Cards that stay move to their new places, new ones fade in. All places are read before anything
  // is set going: a place that is read in between makes the browser lay out the whole page again.
  function fill(setName, set, query, found, before) {
    const cards = found.slice(0, SHOWN).map(({ place }) => card(setName, set, place, query));
    const nodes = cards.map(({ node }) => node);
    const stay = calm() ? [] : nodes.filter((node) => node.parentNode === list);
    const from = places(stay);
    cards.forEach(({ line }, i) => {
      const { place, distance } = found[i];
      const rank = element("b", {}, `${i + 1}`);
      const distanceText = element("span", {}, `d ${distance.toFixed(2)}`);
      line.replaceChildren(rank, distanceText, change(before?.get(place), i + 1));
    });
    list.replaceChildren(...nodes);
    const to = places(stay);
    for (const node of calm() ? [] : nodes) {
      const start = beginning(from.get(node), to.get(node));
      if (start) node.animate([start, {}], { duration: 260, easing: "ease" });
    }
    if (items.size > 300) items.clear();
  }

  return {
    node: element("div", { class: "results" }, score, strip, list, spoken),
    // by: the state that is compared. found: places, nearest first, at least those shown.
    // right: ranks of the right images.
    // own: the same ranks with the network's own attention. before: rank there by place, or null.
    show({ setName, set, query, by, found, right, own, before }) {
      const [now, then] = [averagePrecision(right), averagePrecision(own)];
      const points = (value) => (100 * value).toFixed(1);
      const asked = right.length > 0;
      const gained = Math.round(1000 * (now - then)) / 10;
      const sign = gained > 0 ? "+" : "−";
      const told = [
        element("span", {}, `AP of this query by ${by}`),
        element("strong", {}, points(now)),
        element("span", {}, before ? `own attention ${points(then)}` : ""),
        element("span", { class: "gain" }, before && gained ? `${sign}${Math.abs(gained).toFixed(1)}` : ""),
      ];
      score.replaceChildren(...(asked ? told : [ALONE]));
      strip.replaceChildren(...(asked ? ranksStrip(right, before ? own : null, set) : []));
      fill(setName, set, query, found, before);
      const first = found.slice(0, SHOWN).filter((item) => isRight(set, query, item.place)).length;
      const ofOwn = before ? `, with its own attention ${points(then)}` : "";
      const precision =
        `average precision ${points(now)}${ofOwn}. ` +
        `${first} of the nearest ${Math.min(SHOWN, found.length)} are the same vehicle.`;
      const text = `Vehicle ${set.vehicle[query]}: ${asked ? precision : `${ALONE}.`}`;
      clearTimeout(speaking);
      speaking = setTimeout(() => (spoken.textContent = text), 400);
    },
  };
}

const places = (nodes) => new Map(nodes.map((node) => [node, node.getBoundingClientRect()]));

// What a card's way begins with: where it was, or unseen if it is new; null if it does not move.
function beginning(from, to) {
  if (!from) return { opacity: 0 };
  const [x, y] = [from.left - to.left, from.top - to.top];
  return x || y ? { transform: `translate(${x}px, ${y}px)` } : null;
}

function change(before, rank) {
  if (before === undefined) return element("span", { class: "change" }, "");
  const by = before - rank;
  const text = by > 0 ? `▲ ${by}` : by < 0 ? `▼ ${-by}` : "=";
  const says = by > 0 ? `up ${by}` : by < 0 ? `down ${-by}` : "same rank";
  return element("span", { class: `change ${by > 0 ? "up" : by < 0 ? "down" : ""}`, title: says }, text);
}

// Where the right images stand in the whole ranking, on a logarithmic line.
function ranksStrip(right, own, set) {
  const last = Math.log(set.gallery.length);
  const at = (rank) => `${((100 * Math.log(rank)) / last).toFixed(2)}%`;
  const mark = (kind) => (rank) => element("i", { class: kind, style: `left: ${at(rank)}` });
  const line = element(
    "div",
    { class: "ranks", "aria-hidden": "true" },
    ...[1, 10, 100, 1000].filter((rank) => rank < set.gallery.length).map((rank) =>
      element("span", { style: `left: ${at(rank)}` }, `${rank}`),
    ),
    ...(own ?? []).map(mark("own")),
    ...right.map(mark("now")),
  );
  const count = right.length === 1 ? "1 right image is" : `${right.length} right images are`;
  const legend = own ? "● now, ○ own attention" : "";
  return [
    element("p", {}, `The ${count} at rank ${right.join(", ") || "none"}. ${legend}`),
    line,
  ];
}
