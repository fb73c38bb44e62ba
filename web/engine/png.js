// PNG files with every pixel and pgen's metadata, and animated ones; a canvas would round translucent colors.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const RGBA = 6;

const TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc(bytes) {
  let value = ~0;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

const encoder = new TextEncoder();

/** Big-endian numbers, each of `size` bytes. */
function numbers(size, ...values) {
  const view = new DataView(new ArrayBuffer(size * values.length));
  values.forEach((value, index) => (size === 4 ? view.setUint32(4 * index, value) : view.setUint16(2 * index, value)));
  return new Uint8Array(view.buffer);
}

function joined(...parts) {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return bytes;
}

function chunk(type, ...parts) {
  const body = joined(encoder.encode(type), ...parts);
  return joined(numbers(4, body.length - 4), body, numbers(4, crc(body)));
}

/** Compress pixels, straight RGBA, row by row without filters, in the zlib format. */
async function deflated(pixels, width, height) {
  const rows = new Uint8Array((4 * width + 1) * height);
  for (let row = 0; row < height; row += 1) {
    rows.set(pixels.subarray(4 * width * row, 4 * width * (row + 1)), (4 * width + 1) * row + 1);
  }
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const header = (width, height) => chunk("IHDR", numbers(4, width, height), [8, RGBA, 0, 0, 0]);
const texts = (fields) =>
  Object.entries(fields).map(([key, text]) => chunk("iTXt", encoder.encode(key), [0, 0, 0, 0, 0], encoder.encode(text)));

const file = (chunks) => new Blob([Uint8Array.from(SIGNATURE), ...chunks, chunk("IEND")], { type: "image/png" });

/** Encode one picture with the metadata `fields`, texts by name. */
export async function png(pixels, width, height, fields) {
  const data = await deflated(pixels, width, height);
  return file([header(width, height), ...texts(fields), chunk("IDAT", data)]);
}

/** Encode frames of one size as an animation that loops, `fps` frames a second. */
export async function animatedPng(frames, side, fps) {
  const chunks = [header(side, side), chunk("acTL", numbers(4, frames.length, 0))];
  let sequence = 0;
  for (const [index, pixels] of frames.entries()) {
    chunks.push(chunk("fcTL", numbers(4, sequence++, side, side, 0, 0), numbers(2, 1, fps), [0, 0]));
    const data = await deflated(pixels, side, side);
    chunks.push(index === 0 ? chunk("IDAT", data) : chunk("fdAT", numbers(4, sequence++), data));
  }
  return file(chunks);
}
