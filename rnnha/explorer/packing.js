// Arrays from JSON, as packing.py writes them: Float32Array, row after row.

export function unpack(packed) {
  if (!packed) return null;
  const bytes = bytesOf(packed.codes);
  if (packed.bits === 32) return new Float32Array(bytes.buffer);
  const codes = packed.bits === 16 ? new Uint16Array(bytes.buffer) : bytes;
  const low = new Float32Array(bytesOf(packed.low).buffer);
  const step = new Float32Array(bytesOf(packed.step).buffer);
  const width = codes.length / low.length;
  const values = new Float32Array(codes.length);
  for (let row = 0, i = 0; row < low.length; row++)
    for (let end = i + width; i < end; i++) values[i] = low[row] + codes[i] * step[row];
  return values;
}

export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
