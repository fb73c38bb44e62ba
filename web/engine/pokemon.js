// Whole new Pokémon from seeds, as pgen.dex makes them: stats, name, description and the request of the picture.

import { EngineError } from "./errors.js";
import { KnownNames, plain } from "./lexicon.js";
import { latent, Rng, STREAM } from "./philox.js";
import { colorsFor, promptFor } from "./templates.js";

const [LOWEST, HIGHEST] = [1, 255]; // of one stat
const LOWEST_TOTAL = 60; // of the last stage of a line
const STEM = 4; // letters that the names of a line share

/**
 * Conditions that rows satisfy.
 *
 * @typedef {{types: string[], total?: number, rarity?: string}} Filter
 */

export class Dex {
  /**
   * @param {Object} model the stats model of the manifest.
   * @param {function(Object): Promise<Object>} run runs its network.
   * @param {Object} parts lexicon, templates, lines (of stages), names (known ones), mixes (can pictures be fused?).
   */
  constructor(model, run, { lexicon, templates, lines, names, mixes }) {
    Object.assign(this, { model, run, lexicon, templates, lines, mixes });
    this.known = new KnownNames([...lexicon.known, ...names.map((name) => name.toLowerCase())]);
  }

  /** Make `n` entries, or evolution lines of `family` stages, with seeds that count up from `seed`. */
  async *entries({ n, seed, type, total, rarity, family, shiny = false }) {
    const filter = { types: type ? [type] : [], total, rarity };
    const taken = new Set();
    for (let one = seed; one < seed + n; one += 1) {
      if (family) yield* this.#family(one, family, filter, shiny, taken);
      else yield this.#single(await this.row(one, filter), shiny, taken);
    }
  }

  #single(row, shiny, taken) {
    const appearance = this.#appearance(row);
    const name = this.lexicon.name(new Rng(row.seed, STREAM.NAME), row.types, this.known, taken);
    const rng = new Rng(row.seed, STREAM.TEXT);
    const genus = this.templates.genus(row, rng);
    const description = this.templates.describe(name, row, appearance, rng);
    taken.add(plain(name));
    const colors = this.mixes ? colorsFor(row, appearance) : "";
    const request = { prompt: promptFor(row, appearance), seed: row.seed, colors, shiny };
    return entry({ name, genus, description }, row, appearance, request);
  }

  /** Make one evolution line: totals as in one real line, shapes from two others, the same mask and colors. */
  async *#family(seed, size, filter, shiny, taken) {
    const rng = new Rng(seed, STREAM.FAMILY);
    const lines = this.lines.filter((line) => line.length === size);
    const like = rng.pick(lines);
    if (filter.total !== undefined && filter.total < LOWEST_TOTAL) {
      throw new EngineError(`total ${filter.total}: the last stage of a line has ${LOWEST_TOTAL} or more`);
    }
    const conditions = { ...filter, total: filter.total || like.at(-1).total, rarity: filter.rarity || "ordinary" };
    const last = await this.row(seed, conditions);
    const rows = [];
    for (const stage of like.slice(0, -1)) {
      const types = last.types.slice(0, stage.types.length);
      const total = rounded((conditions.total / like.at(-1).total) * stage.total);
      rows.push({ ...(await this.row(seed, { ...conditions, types, total })), types });
    }
    rows.push(last);
    const [first, second] = parentLines(rng, lines, last.types);
    const { color } = this.#appearance(last);
    const names = this.#familyNames(rows, taken);
    const texts = new Rng(seed, STREAM.TEXT);
    for (const [stage, row] of rows.entries()) {
      const appearance = { color, shape: first[stage].shape };
      const description = `${this.templates.describe(names[stage], row, appearance, texts)} ${this.templates.relatives(names, stage, texts)}`;
      const words = { name: names[stage], description, genus: this.templates.genus(row, texts) };
      const colors = colorsFor(last, appearance);
      const request = { prompt: first[stage].name, seed, colors, fused: second[stage].name, shiny };
      yield entry(words, row, appearance, request, names);
    }
  }

  /** Name the stages: the last one first, then the others with the same first letters; add them to `taken`. */
  #familyNames(rows, taken) {
    const last = rows.at(-1);
    const rng = new Rng(last.seed, STREAM.NAME);
    const names = [this.lexicon.name(rng, last.types, this.known, taken)];
    for (const row of rows.slice(0, -1)) {
      const known = new KnownNames([...this.known.names, ...names]);
      const stem = names.at(-1).slice(0, STEM).toLowerCase();
      names.splice(-1, 0, this.lexicon.name(rng, row.types, known, taken, stem));
    }
    for (const name of names) taken.add(plain(name));
    return names;
  }

  /** Pick color and shape by their frequency among known Pokémon of these types; the first counts double. */
  #appearance({ seed, types }) {
    const rng = new Rng(seed, STREAM.APPEARANCE);
    const [colors, shapes] = [this.lexicon.colors, this.lexicon.shapes].map((table) => shares(table, types));
    const described = new Map([...shapes].filter(([shape]) => shape in this.templates.phrases.shapes));
    return { color: rng.weighted(colors), shape: rng.weighted(described) };
  }

  /** Generate the stats, types and rarity of a seed. */
  async row(seed, { types, total, rarity }) {
    const { latent_dim: dimensions, stat_names: stats, type_names: kinds, rarity_names: rarities } = this.model.settings;
    const [least, most] = [LOWEST * stats.length, HIGHEST * stats.length];
    if (total !== undefined && !(total >= least && total <= most)) {
      throw new EngineError(`total ${total}: must be from ${least} to ${most}`);
    }
    const outputs = await this.run({
      latent: latent(seed, dimensions),
      types: Float32Array.from(kinds, (kind) => types.includes(kind)),
      total: Float32Array.of(total ?? 0),
      rarity: Float32Array.from(rarities, (one) => one === rarity),
    });
    const values = Object.fromEntries(stats.map((name, index) => [name, outputs.stats[index]]));
    return {
      seed,
      stats: values,
      total: outputs.stats.reduce((sum, value) => sum + value, 0),
      types: [...outputs.type_pair].filter((kind) => kind < kinds.length).map((kind) => kinds[kind]),
      rarity: rarities[outputs.rarity_index[0]],
    };
  }
}

/** An entry as pgen describes it in JSON, and the request of its picture. */
function entry(words, row, { color, shape }, request, family = []) {
  const { prompt, colors, fused, shiny } = request;
  const described = {
    name: words.name,
    genus: words.genus,
    types: row.types,
    rarity: row.rarity,
    stats: row.stats,
    total: row.total,
    description: words.description,
    color,
    shape,
    prompt,
    fused: fused ? [fused] : [],
    colors,
    shiny,
    seed: row.seed,
    family,
    words_by: "pgen",
  };
  return { described, request };
}

function shares(table, types) {
  const sums = new Map();
  types.forEach((type, index) => {
    const total = Object.values(table[type]).reduce((sum, count) => sum + count, 0);
    for (const [value, count] of Object.entries(table[type])) {
      sums.set(value, (sums.get(value) ?? 0) + ((index === 0 ? 2 : 1) * count) / total);
    }
  });
  return new Map([...sums].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Pick two real lines for the shapes: the first shares the first of `types`, the second any, if possible. */
function parentLines(rng, lines, types) {
  const like = (among, fits) => {
    const fitting = among.filter((line) => line.at(-1).types.some(fits));
    return rng.pick(fitting.length ? fitting : among);
  };
  const first = like(lines, (type) => type === types[0]);
  return [first, like(lines.filter((line) => line !== first), (type) => types.includes(type))];
}

/** Round as Python does: halves to the even number. */
function rounded(value) {
  const whole = Math.floor(value);
  const rest = value - whole;
  return rest < 0.5 || (rest === 0.5 && whole % 2 === 0) ? whole : whole + 1;
}
