// The card of an entry, and the sheet of an evolution line, as a PNG, with the layout of pgen.dex.card and the fonts of the visitor's system.

import { png } from "./png.js";

const [WIDTH, HEIGHT] = [1000, 1400];
const [RIM, SIDE] = [34, 84]; // width of the frame, and the left edge of texts
const [PAPER, TEXT, MUTED, LINE] = ["#fffdf9", "#23211f", "#6b655e", "#e2ddd4"];
const RARE = ["#f2cf66", "#2b2208"];
const GAP = 48; // between the cards of an evolution line
const FONT = '"Segoe UI", "Noto Sans", "DejaVu Sans", Roboto, Helvetica, Arial, sans-serif';

/**
 * Draw a card.
 *
 * @param {Object} entry as pgen describes it.
 * @param {Uint8Array} pixels its picture, straight RGBA.
 * @param {number} side of the picture.
 * @param {Object} style `types` (color and text color of each), `rarities` (gradients), `labels` of stats, `full`, the
 *   stat at which a bar is full.
 * @param {string} foot the line at the bottom.
 * @param {Object<string, string>} fields metadata.
 * @returns {Promise<Blob>}
 */
export async function drawCard(entry, pixels, side, style, foot, fields) {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const sheet = new Sheet(canvas.getContext("2d"));
  const [first, last] = [entry.types[0], entry.types.at(-1)].map((type) => style.types[type][0]);
  const [start, end] = style.rarities[entry.rarity] ?? [mixed(first, "#ffffff", 0.25), last];
  sheet.rounded(0, 0, WIDTH, HEIGHT, 70, sheet.gradient(0, 0, WIDTH, HEIGHT, start, end));
  sheet.rounded(RIM, RIM, WIDTH - 2 * RIM, HEIGHT - 2 * RIM, 44, PAPER);
  head(sheet, entry);
  await picture(sheet, pixels, side, start, end);
  const bottom = texts(sheet, entry, style);
  numbers(sheet, entry, style, Math.max(bottom, 1010));
  sheet.text(SIDE, 1334, foot, 17, MUTED);
  const { data } = sheet.context.getImageData(0, 0, WIDTH, HEIGHT);
  return png(new Uint8Array(data.buffer), WIDTH, HEIGHT, fields);
}

/** Draw the cards of an evolution line side by side at half of their size, with arrows between them. */
export async function drawFamily(cards, fields) {
  const [width, height] = [WIDTH / 2, HEIGHT / 2];
  const canvas = new OffscreenCanvas(cards.length * width + (cards.length - 1) * GAP, height);
  const sheet = new Sheet(canvas.getContext("2d"));
  sheet.context.imageSmoothingQuality = "high";
  for (const [index, card] of cards.entries()) {
    const left = index * (width + GAP);
    const image = await createImageBitmap(card);
    sheet.context.drawImage(image, left, 0, width, height);
    image.close();
    const [tip, middle] = [left - GAP / 4, height / 2];
    const arrow = [[tip - GAP / 2, middle - GAP / 2], [tip, middle], [tip - GAP / 2, middle + GAP / 2]];
    if (index) sheet.polygon(arrow, MUTED, MUTED, 1);
  }
  const { data } = sheet.context.getImageData(0, 0, canvas.width, height);
  return png(new Uint8Array(data.buffer), canvas.width, height, fields);
}

function head(sheet, { name, total }) {
  const width = sheet.width(String(total), 50, 600);
  sheet.text(WIDTH - SIDE - width, 62, String(total), 50, TEXT, 600);
  sheet.text(WIDTH - SIDE - width - 12 - sheet.width("TOTAL", 20, 500), 88, "TOTAL", 20, MUTED, 500);
  let size = 66;
  while (size > 22 && sheet.width(name, size, 700) > WIDTH - 2 * SIDE - width - 110) size -= 2;
  sheet.text(SIDE, 86 - size * 0.55, name, size, TEXT, 700);
}

/** Draw the window: bright in the center, the frame's colors toward the corners; and in it the picture. */
async function picture(sheet, pixels, side, start, end) {
  const { context } = sheet;
  const [left, top, width, height, size] = [SIDE, 140, WIDTH - 2 * SIDE, 550, 500];
  sheet.rounded(left, top, width, height, 26, sheet.gradient(left, top, width, height, mixed(start, "#ffffff", 0.3), mixed(end, "#ffffff", 0.1)));
  const glow = context.createRadialGradient(WIDTH / 2, 417, 0, WIDTH / 2, 417, width / 2);
  glow.addColorStop(0.1, "#ffffff");
  glow.addColorStop(1, "#ffffff00");
  sheet.rounded(left, top, width, height, 26, glow);
  const image = await createImageBitmap(new ImageData(new Uint8ClampedArray(pixels), side, side));
  context.save();
  Object.assign(context, { shadowColor: `${mixed(end, "#000000", 0.75)}52`, shadowBlur: 24, shadowOffsetY: 14 });
  Object.assign(context, { imageSmoothingEnabled: true, imageSmoothingQuality: "high" });
  context.drawImage(image, (WIDTH - size) / 2, 417 - size / 2, size, size);
  context.restore();
  image.close();
}

/** Draw badges, genus and description; gives their bottom edge. */
function texts(sheet, { types, rarity, genus, description }, style) {
  let left = SIDE;
  for (const type of types) left = sheet.badge(left, 716, type, style.types[type]) + 12;
  if (rarity !== "ordinary") sheet.badge(left, 716, rarity, RARE);
  sheet.text(SIDE, 778, genus, 32, MUTED, 500);
  const [size, most] = description.length <= 330 ? [28, 5] : [22, 7];
  const lines = sheet.wrapped(description, size, WIDTH - 2 * SIDE);
  if (lines.length > most) lines.splice(most - 1, lines.length, `${lines[most - 1]} …`);
  lines.forEach((line, index) => sheet.text(SIDE, 830 + index * size * 1.32, line, size, TEXT));
  return 830 + lines.length * size * 1.32;
}

function numbers(sheet, { stats, types }, { labels, full, types: colors }, top) {
  const accent = colors[types[0]][0];
  sheet.rounded(SIDE, top + 7, WIDTH - 2 * SIDE, 2, 0, LINE);
  Object.entries(stats).forEach(([name, value], index) => {
    const height = top + 36 + index * 44;
    sheet.text(SIDE, height, labels[name] ?? name, 26, MUTED);
    sheet.text(SIDE + 178 - sheet.width(String(value), 28, 600), height - 2, String(value), 28, TEXT, 600);
    sheet.rounded(SIDE + 200, height + 9, 260, 16, 8, LINE);
    sheet.rounded(SIDE + 200, height + 9, Math.max(16, 260 * Math.min(value / full, 1)), 16, 8, accent);
  });
  radar(sheet, stats, labels, full, accent, [WIDTH - SIDE - 184, top + 163], 106);
}

function radar(sheet, stats, labels, full, accent, center, radius) {
  const entries = Object.entries(stats);
  const corners = (shares) =>
    shares.map((share, index) => {
      const angle = (2 * Math.PI * index) / shares.length - Math.PI / 2;
      return [center[0] + radius * share * Math.cos(angle), center[1] + radius * share * Math.sin(angle)];
    });
  const ring = (share) => corners(entries.map(() => share));
  sheet.polygon(ring(1), "#f6f2ea", LINE, 2);
  for (const share of [1 / 3, 2 / 3]) sheet.polygon(ring(share), "#0000", LINE, 2);
  for (const end of ring(1)) sheet.polygon([center, end], "#0000", LINE, 1.5);
  sheet.polygon(corners(entries.map(([, value]) => Math.min(value / full, 1))), `${accent}82`, accent, 4);
  ring(1.17).forEach(([x, y], index) => {
    const label = labels[entries[index][0]] ?? entries[index][0];
    const width = sheet.width(label, 19);
    const shift = Math.abs(x - center[0]) < 1 ? width / 2 : x > center[0] ? 0 : width;
    sheet.text(x - shift, y - 12, label, 19, MUTED);
  });
}

/** Mix `share` of `other` into `one`, colors such as "#ff8000". */
function mixed(one, other, share) {
  const channels = [1, 3, 5].map((at) => {
    const [from, to] = [one, other].map((color) => Number.parseInt(color.slice(at, at + 2), 16));
    return Math.round(from + (to - from) * share);
  });
  return `#${channels.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}

class Sheet {
  constructor(context) {
    this.context = context;
    Object.assign(context, { textBaseline: "alphabetic", lineJoin: "round" });
  }

  #font(size, weight) {
    this.context.font = `${weight} ${size}px ${FONT}`;
  }

  width(text, size, weight = 400) {
    this.#font(size, weight);
    return this.context.measureText(text).width;
  }

  /** Draw a text whose line begins at `top`. */
  text(left, top, text, size, color, weight = 400) {
    this.#font(size, weight);
    this.context.fillStyle = color;
    this.context.fillText(text, left, top + size * 0.95);
  }

  wrapped(text, size, room) {
    const lines = [];
    for (const word of text.split(/\s+/)) {
      const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
      if (lines.length && this.width(longer, size) <= room) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  }

  badge(left, top, word, [background, color]) {
    const label = word.charAt(0).toUpperCase() + word.slice(1);
    const width = this.width(label, 26, 500) + 44;
    this.rounded(left, top, width, 44, 22, background);
    this.text(left + 22, top + 7, label, 26, color, 500);
    return left + width;
  }

  rounded(left, top, width, height, radius, fill) {
    this.context.beginPath();
    this.context.roundRect(left, top, width, height, radius);
    this.context.fillStyle = fill;
    this.context.fill();
  }

  gradient(left, top, width, height, start, end) {
    const blended = this.context.createLinearGradient(left, top, left + width, top + height);
    blended.addColorStop(0, start);
    blended.addColorStop(1, end);
    return blended;
  }

  polygon(points, fill, edge, width) {
    this.context.beginPath();
    points.forEach(([x, y], index) => (index ? this.context.lineTo(x, y) : this.context.moveTo(x, y)));
    this.context.closePath();
    Object.assign(this.context, { fillStyle: fill, strokeStyle: edge, lineWidth: width });
    this.context.fill();
    this.context.stroke();
  }
}
