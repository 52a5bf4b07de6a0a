// The picture and what is laid over it, drawn at the device's pixels.

// What maps.overlay does: (1 - s t) image + s t colour(t), t = heat / max(its maximum, 2 mean).
export function shares(heat) {
  const mean = heat.reduce((sum, value) => sum + value, 0) / heat.length;
  const top = Math.max(2 * mean, ...heat) || 1;
  return Array.from(heat, (value) => value / top);
}

export function fit(canvas, image) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.round((width * image.naturalHeight) / image.naturalWidth);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  return context;
}

export function drawCells(context, heat, [rows, columns], strength, colours) {
  const { width, height } = context.canvas;
  const edge = (i, count, size) => Math.round((i * size) / count);
  shares(heat).forEach((share, cell) => {
    const row = Math.floor(cell / columns);
    const column = cell % columns;
    const [x, y] = [edge(column, columns, width), edge(row, rows, height)];
    const [right, below] = [edge(column + 1, columns, width), edge(row + 1, rows, height)];
    const colour = colourOf(share, colours).map(Math.round);
    context.fillStyle = `rgb(${colour.join(" ")} / ${strength * share})`;
    context.fillRect(x, y, right - x, below - y);
  });
}

// Bilinear between the cells' middles, at each pixel of the screen.
export function drawSmooth(context, heat, [rows, columns], strength, colours) {
  const { width, height } = context.canvas;
  const share = shares(heat);
  const picture = new ImageData(width, height);
  const across = stops(width, columns);
  const down = stops(height, rows);
  const table = Array.from({ length: 256 }, (_, i) => colourOf(i / 255, colours));
  for (let y = 0, at = 0; y < height; y++) {
    const [top, bottom, v] = down[y];
    for (let x = 0; x < width; x++, at += 4) {
      const [left, right, h] = across[x];
      const above = (1 - h) * share[top * columns + left] + h * share[top * columns + right];
      const below = (1 - h) * share[bottom * columns + left] + h * share[bottom * columns + right];
      const value = (1 - v) * above + v * below;
      const colour = table[Math.round(255 * value)];
      picture.data[at] = colour[0];
      picture.data[at + 1] = colour[1];
      picture.data[at + 2] = colour[2];
      picture.data[at + 3] = 255 * strength * value;
    }
  }
  const layer = new OffscreenCanvas(width, height);
  layer.getContext("2d").putImageData(picture, 0, 0);
  context.drawImage(layer, 0, 0);
}

function stops(size, cells) {
  return Array.from({ length: size }, (_, i) => {
    const at = Math.min(cells - 1, Math.max(0, ((i + 0.5) * cells) / size - 0.5));
    const first = Math.floor(at);
    return [first, Math.min(cells - 1, first + 1), at - first];
  });
}

// The rest turns grey; the cues are tinted and have a white edge, so that no eye has to tell colours.
export function drawMask(context, image, mask, strength, colour) {
  const { width, height } = context.canvas;
  context.globalCompositeOperation = "saturation";
  context.fillStyle = `rgb(128 128 128 / ${strength})`;
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "source-over";
  const edge = Math.max(1, Math.round(width / 300));
  context.fillStyle = `rgb(255 255 255 / ${strength})`;
  context.fill(outline(mask, width, height, edge));
  const cues = outline(mask, width, height, 0);
  context.save();
  context.clip(cues);
  context.drawImage(image, 0, 0, width, height);
  context.restore();
  context.fillStyle = `rgb(${colour.join(" ")} / ${0.75 * strength})`;
  context.fill(cues);
}

function outline(mask, width, height, wider) {
  const [rows, columns] = mask.size;
  const x = (column) => Math.round((column * width) / columns);
  const y = (row) => Math.round((row * height) / rows);
  const path = new Path2D();
  for (const [row, first, end] of mask.runs) {
    const [left, top] = [x(first) - wider, y(row) - wider];
    path.rect(left, top, x(end) + wider - left, y(row + 1) + wider - top);
  }
  return path;
}

function colourOf(share, colours) {
  const at = share * (colours.length - 1);
  const first = Math.min(colours.length - 2, Math.floor(at));
  return colours[first].map((value, i) => value + (at - first) * (colours[first + 1][i] - value));
}
