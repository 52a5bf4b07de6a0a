// The fine step of the network, as in rnnha/models/rnn_ha.py:
//
//     x2 = sum_ij a_ij X_ij        o2 = GRU(x2, o1)
//
// A map is a list of h w weights that sum to 1. Everything else comes from Python.

// Between two maps: t = 0 is the first, t = 1 the second.
export function blend(from, to, t) {
  return Array.from(from, (value, i) => (1 - t) * value + t * to[i]);
}

export function uniform(cells) {
  return new Array(cells).fill(1 / cells);
}

// Painted weights, divided by their sum; uniform where nothing is painted.
export function painted(weights) {
  const total = weights.reduce((sum, value) => sum + value, 0);
  return total > 0 ? weights.map((value) => value / total) : uniform(weights.length);
}

// x2 of a map, from x2 of the network's own: the rounding of X counts for the difference only.
export function attended(image, map, scale) {
  const cells = map.length;
  const change = map.map((value, i) => scale * (value - image.own[i]));
  return Float64Array.from(image.x2, (value, channel) => {
    let sum = value;
    for (let i = 0; i < cells; i++) sum += change[i] * image.X[channel * cells + i];
    return sum;
  });
}

// o2 of x2 and the state before, divided by its length.
export function fineStep({ kind, weights }, x2, before) {
  return unit(
    kind === "recurrent"
      ? gru(weights, x2, before)
      : linear(weights.v, weights.c, x2).map((value) => Math.max(0, value)),
  );
}

function gru({ weight_ih, weight_hh, bias_ih, bias_hh }, x, state) {
  const input = linear(weight_ih, bias_ih, x);
  const hidden = linear(weight_hh, bias_hh, state);
  const width = state.length;
  return Float64Array.from(state, (before, i) => {
    const reset = sigmoid(input[i] + hidden[i]);
    const update = sigmoid(input[width + i] + hidden[width + i]);
    const fresh = Math.tanh(input[2 * width + i] + reset * hidden[2 * width + i]);
    return (1 - update) * fresh + update * before;
  });
}

function linear(matrix, bias, x) {
  return Float64Array.from(bias, (sum, row) => {
    for (let i = 0, place = row * x.length; i < x.length; i++) sum += matrix[place + i] * x[i];
    return sum;
  });
}

export function softplus(value) {
  return Math.max(0, value) + Math.log1p(Math.exp(-Math.abs(value)));
}

function sigmoid(value) {
  return 1 / (1 + Math.exp(-value));
}

function unit(vector) {
  const length = Math.hypot(...vector);
  return length > 0 ? vector.map((value) => value / length) : vector;
}
