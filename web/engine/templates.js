// Genus and description from templates of sentences that match the stats, as pgen.dex.templates composes them.

const [HIGH, EXTREME, LOW] = [90, 130, 50];
const [SMALL, STRONG] = [330, 500];

/** Composes texts from `phrases`, the parsed phrases.toml. */
export class Templates {
  constructor(phrases) {
    this.phrases = phrases;
  }

  /** Compose a genus from the first type and the rarity or the highest stat. */
  genus({ types, rarity, stats }, rng) {
    const { rarities, roles, types: kinds } = this.phrases;
    const fitting = rarities[rarity] ?? roles[highest(stats) ?? "even"];
    const first = rng.pick(kinds[types[0]].genus);
    return `${first} ${rng.pick(fitting)} Pokémon`;
  }

  /** Compose a description: appearance, habits, the highest stat, and rarity or the lowest. */
  describe(name, row, { color, shape }, rng) {
    const { types, shapes } = this.phrases;
    const [first, last] = [types[row.types[0]], types[row.types.at(-1)]];
    const look = rng.pick(shapes[shape]);
    const sentences = [filled(look, { color, matter: rng.pick(first.matter) })];
    const place = rng.pick(first.places);
    const act = rng.pick(last.acts);
    const habits = [
      `${name} lives ${place} and ${act}.`,
      `${name} is found ${place}; it ${act}.`,
      `${place.charAt(0).toUpperCase()}${place.slice(1)}, ${name} ${act}.`,
      `Those who meet ${name} ${place} say that it ${act}.`,
    ];
    sentences.push(rng.pick(habits), rng.pick(this.#strength(row)));
    const closing = this.#closing(row);
    if (closing.length) sentences.push(rng.pick(closing));
    return sentences.join(" ");
  }

  #strength({ stats, total }) {
    const name = highest(stats);
    if (name) return this.phrases[stats[name] >= EXTREME ? "extreme" : "high"][name];
    return this.phrases.even[total <= SMALL ? "small" : total >= STRONG ? "strong" : "plain"];
  }

  #closing({ stats, rarity }) {
    if (rarity in this.phrases.lore) return this.phrases.lore[rarity];
    const name = lowest(stats);
    return name && highest(stats) ? this.phrases.low[name] : [];
  }

  /** Compose a sentence on the stages before and after one of a line. */
  relatives(names, stage, rng) {
    const kind = stage === 0 ? "first" : stage === names.length - 1 ? "last" : "middle";
    const before = names[Math.max(0, stage - 1)];
    const after = names[Math.min(stage + 1, names.length - 1)];
    return filled(rng.pick(this.phrases.family[kind]), { before, after });
  }
}

/** The prompt of a picture, in a form that was trained. */
export const promptFor = (row, appearance) => `${colorsFor(row, appearance)}, ${appearance.shape.replaceAll("-", " ")}`;

/** The text that asks for the colors of a picture alone. */
export const colorsFor = ({ types }, { color }) => `a ${color} ${types.join(" and ")} Pokémon`;

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** The first of the highest stats; undefined if it is not HIGH. */
function highest(stats) {
  const [name, value] = Object.entries(stats).reduce((best, one) => (one[1] > best[1] ? one : best));
  return value >= HIGH ? name : undefined;
}

/** The first of the lowest stats; undefined if it is not LOW. */
function lowest(stats) {
  const [name, value] = Object.entries(stats).reduce((best, one) => (one[1] < best[1] ? one : best));
  return value <= LOW ? name : undefined;
}
