// Pictures from requests, as pgen.images draws them: names and sentences, fusions, shinies and morphs.

import { EngineError } from "./errors.js";
import { latent, Rng, STREAM } from "./philox.js";

const SIDE = 4; // cells of a shape code, as in pgen.images.fusion
const [ACROSS, OFFSET, STEEPNESS] = [0.5, 0.15, [3, 12]];

const MIN_DISTANCE = 30; // in CIELAB, as in pgen.images.shiny
const TRIES = 8;

/**
 * One picture: everything but the bundle that its pixels depend on.
 *
 * `fused` is a second parent.
 *
 * @typedef {{prompt: string, seed: number, colors?: string, fused?: string, shiny?: boolean}} Request
 */

export class Pictures {
  /**
   * @param {Object} model the text-to-image model of the manifest.
   * @param {function(Object): Promise<Object>} run runs its network.
   * @param {function(string): Promise<Float32Array>} embed embeds a text.
   * @param {string[]} names whose colors shinies may have.
   */
  constructor(model, run, embed, names) {
    Object.assign(this, { model, run, embed, names });
    const inputs = new Set(model.inputs.map((input) => input.name));
    this.mixes = inputs.has("share");
    this.size = model.outputs.find((output) => output.name === "pictures").shape[1];
  }

  /** Draw a request; gives straight RGBA, Uint8Array. */
  async draw(request) {
    this.#check(request);
    return request.shiny ? this.#shiny(request) : (await this.run(await this.#inputs(request))).pictures;
  }

  #check({ colors, fused, shiny }) {
    if ((colors || fused || shiny) && !this.mixes) {
      throw new EngineError("This page's network takes no second prompt, and no colors apart from the prompt.");
    }
    if (shiny && this.names.length === 0) throw new EngineError("This page stores no names, whose colors a shiny could have.");
  }

  async #inputs(request) {
    const { prompt, seed, colors, fused } = request;
    const inputs = { latent: latent(seed, this.model.settings.latent_dim) };
    if (!fused) {
      inputs.text = await this.embed(prompt);
      if (colors) inputs.color_text = await this.embed(colors);
      return inputs;
    }
    const plan = planFusion(request);
    const color = await this.embed(plan.colors);
    return {
      ...inputs,
      text: await this.embed(prompt),
      color_text: color,
      second_latent: inputs.latent,
      second_text: await this.embed(fused),
      second_color_text: color,
      share: plan.share,
    };
  }

  /** Draw the shape of a request in clearly other colors: those of a name that its seed picks. */
  async #shiny(request) {
    const plain = { ...request, shiny: false };
    const rng = new Rng(request.seed, STREAM.SHINY);
    const compared = ({ stage1, pictures }) => stage1 ?? pictures;
    const usual = compared(await this.run(await this.#inputs(plain)));
    let chosen;
    let farthest = -1;
    for (let tried = 0; tried < TRIES && farthest < MIN_DISTANCE; tried += 1) {
      const drawn = await this.run(await this.#inputs({ ...plain, colors: rng.pick(this.names) }));
      const distance = colorDistance(usual, compared(drawn));
      if (distance > farthest) [chosen, farthest] = [drawn.pictures, distance];
    }
    return chosen;
  }

  /** Draw the frames between two requests, one after another; with `loop` they return to the first. */
  async *morph(start, end, count, loop) {
    const [first, last] = [await this.#inputs(start), await this.#inputs(end)];
    const between = this.mixes ? mixed : interpolated;
    for (let index = 0; index < count; index += 1) {
      const step = Math.fround(loop ? 1 - Math.abs(1 - (2 * index) / count) : index / (count - 1));
      yield (await this.run(between(first, last, step))).pictures;
    }
  }
}

/** Plan which parent gives the colors, and where the picture has whose shape. */
function planFusion({ prompt, fused, colors, seed }) {
  const rng = new Rng(seed, STREAM.FUSION);
  const share = mask(rng);
  return { share, colors: colors || rng.pick([prompt, fused]) };
}

/** Draw a smooth mask of two parts: how much of the second shape a cell has, and 0, of its colors. */
function mask(rng) {
  const angle = 2 * Math.PI * rng.uniform();
  const [x, y] = [ACROSS * Math.cos(angle), Math.sin(angle)];
  const offset = OFFSET * (2 * rng.uniform() - 1);
  const steepness = STEEPNESS[0] + (STEEPNESS[1] - STEEPNESS[0]) * rng.uniform();
  const share = new Float32Array(SIDE * SIDE + 1);
  for (let cell = 0; cell < SIDE * SIDE; cell += 1) {
    const [across, down] = [cell % SIDE, Math.floor(cell / SIDE)].map((place) => -1 + (2 * place) / (SIDE - 1));
    share[cell] = 1 / (1 + Math.exp(-steepness * ((x * across + y * down) / Math.hypot(x, y) + offset)));
  }
  return share;
}

/** Inputs of a frame whose codes the network mixes; the nearer end is the one that is mixed into. */
function mixed(start, end, step) {
  const [near, far, share] = step > 0.5 ? [end, start, 1 - step] : [start, end, step];
  const second = Object.fromEntries(Object.entries(far).map(([name, values]) => [`second_${name}`, values]));
  return { ...near, ...second, share: new Float32Array(SIDE * SIDE + 1).fill(share) };
}

/** Inputs of a frame for other networks: latents on the arc between both (Shoemake, 1985), texts on the line. */
function interpolated(start, end, step) {
  return { latent: slerp(start.latent, end.latent, step), text: lerp(start.text, end.text, 1 - step, step) };
}

const lerp = (start, end, first, last) => start.map((value, index) => first * value + last * end[index]);

function slerp(start, end, step) {
  const dot = (one, other) => one.reduce((sum, value, index) => sum + value * other[index], 0);
  const lengths = Math.sqrt(dot(start, start) * dot(end, end));
  const angle = lengths ? Math.acos(Math.min(1, Math.max(-1, dot(start, end) / lengths))) : 0;
  const sine = Math.sin(angle);
  if (sine < 1e-4) return lerp(start, end, 1 - step, step);
  return lerp(start, end, Math.sin((1 - step) * angle) / sine, Math.sin(step * angle) / sine);
}

/** The mean CIELAB distance (CIE 1976) of two pictures over pixels that both show. */
export function colorDistance(first, second) {
  let [sum, count] = [0, 0];
  for (let at = 0; at < first.length; at += 4) {
    if (first[at + 3] < 128 || second[at + 3] < 128) continue;
    const [one, other] = [lab(first, at), lab(second, at)];
    sum += Math.hypot(one[0] - other[0], one[1] - other[1], one[2] - other[2]);
    count += 1;
  }
  return count ? sum / count : 0;
}

const XYZ = [
  [0.4124, 0.3576, 0.1805],
  [0.2126, 0.7152, 0.0722],
  [0.0193, 0.1192, 0.9505],
].map((row) => row.map((weight) => weight / (row[0] + row[1] + row[2])));

const LINEAR = Array.from({ length: 256 }, (_, level) => {
  const share = level / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
});

/** CIELAB under D65 of the sRGB color at `at`. */
function lab(pixels, at) {
  const linear = [0, 1, 2].map((channel) => LINEAR[pixels[at + channel]]);
  const [x, y, z] = XYZ.map((row) => {
    const value = row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2];
    return value > (6 / 29) ** 3 ? Math.cbrt(value) : value / (3 * (6 / 29) ** 2) + 4 / 29;
  });
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
