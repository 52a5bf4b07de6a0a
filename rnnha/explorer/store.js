// What was asked is kept; arrays are unpacked once.
import { unpack } from "./packing.js";

const PACKED = ["gradcam", "cues", "own", "scores", "X", "x2", "before", "o2"];
const KEPT = 400;

export function makeStore(ask) {
  const known = new Map();

  function once(question, unpacked) {
    const key = question.join("|");
    const answer = known.get(key) ?? ask(question).then(unpacked);
    if (!known.has(key)) answer.catch(() => known.delete(key)); // to be asked again
    known.delete(key);
    known.set(key, answer); // the last, so that what was not wanted for long goes first
    if (known.size > KEPT) known.delete(known.keys().next().value);
    return answer;
  }

  return {
    network: (key) => once(["network", key], opened),
    weights: (key) => once(["weights", key], opened),
    image: (key, place) => once(["image", key, place], opened),
    picture: (set, place) => once(["picture", set, place], picture),
    thumbnail: (set, place) => once(["thumbnail", set, place], (url) => url),
  };
}

function opened(answer) {
  const found = { ...answer };
  for (const name of PACKED) if (name in found) found[name] = unpack(found[name]);
  if (answer.scores) found.grid = answer.scores.shape;
  else if (answer.gradcam) found.grid = answer.gradcam.shape;
  if (answer.weights) {
    found.weights = {};
    for (const [name, value] of Object.entries(answer.weights)) found.weights[name] = unpack(value);
  }
  return found;
}

async function picture(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}
