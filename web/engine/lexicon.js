// New names from a small n-gram model of letters, as pgen.lexicon makes them.

import { EngineError } from "./errors.js";

const [SHORTEST, LONGEST] = [6, 10];
const [CANDIDATES, TRIES] = [8, 2000];
const DISCOUNT = 0.5;
const UNPRONOUNCEABLE = /[^aeiouy]{4}|[aeiou]{3}|(.)\1\1|^[^aeiouy]{3}|[^aeiouy]{3}$|^(.)\2|q(?!u)/;
const VOWELS = "aeiouy";

/** Reduce a name to its lower-case letters without accents. */
export const plain = (name) => name.normalize("NFKD").toLowerCase().replace(/[^a-z]/g, "");

const capitalized = (name) => name.charAt(0).toUpperCase() + name.slice(1);
const windows = (name, size) =>
  Array.from({ length: Math.max(0, name.length - size + 1) }, (_, start) => name.slice(start, start + size));
const shortened = (name) => Array.from(name, (_, index) => name.slice(0, index) + name.slice(index + 1));

/** Existing names: generated names must not resemble one. */
export class KnownNames {
  constructor(names) {
    this.names = new Set(names.map(plain).filter(Boolean));
    const each = [...this.names];
    this.near = new Set(each.filter((name) => name.length > SHORTEST).flatMap(shortened));
    this.sixes = new Set(each.flatMap((name) => windows(name, 6)));
    this.fives = new Set(each.filter((name) => name.length === 5));
  }

  /** Does a known name equal `name`, differ by one letter, share six, or is it five of its letters? */
  resemble(name) {
    return (
      this.names.has(name) ||
      this.near.has(name) ||
      shortened(name).some((short) => this.near.has(short) || this.names.has(short)) ||
      windows(name, 6).some((part) => this.sixes.has(part)) ||
      windows(name, 5).some((part) => this.fives.has(part))
    );
  }
}

/** Statistics of names, colors and shapes. */
export class Lexicon {
  #counts;
  #probabilities = new Map();

  /**
   * @param {Object} learned as in learned.json.
   * @param {string[]} denied in ROT13: words that no name may contain.
   */
  constructor(learned, denied) {
    Object.assign(this, learned);
    this.denied = denied.map((word) => word.replace(/[a-z]/g, rotated));
    this.knownLetters = new Set(learned.known.map(plain));
    this.#counts = Array.from({ length: this.order + 1 }, () => new Map());
    for (const [context, after] of Object.entries(learned.letters)) {
      this.#counts.forEach((table, size) => {
        const end = context.slice(this.order - size);
        if (!table.has(end)) table.set(end, new Map());
        for (const [letter, count] of Object.entries(after)) table.get(end).set(letter, (table.get(end).get(letter) ?? 0) + count);
      });
    }
  }

  /** The probabilities of the letter after `context`, interpolated from shorter to longer contexts. */
  #after(context) {
    if (this.#probabilities.has(context)) return this.#probabilities.get(context);
    let probabilities = new Map();
    for (const [size, table] of this.#counts.entries()) {
      const seen = table.get(context.slice(context.length - size));
      if (!seen) break;
      const total = [...seen.values()].reduce((sum, count) => sum + count, 0);
      const rest = (DISCOUNT * seen.size) / total;
      probabilities = new Map(
        size === 0
          ? [...seen].sort(([one], [other]) => (one < other ? -1 : 1)).map(([letter, count]) => [letter, count / total])
          : [...probabilities].map(([letter, lower]) => [letter, Math.max((seen.get(letter) ?? 0) - DISCOUNT, 0) / total + rest * lower]),
      );
    }
    this.#probabilities.set(context, probabilities);
    return probabilities;
  }

  #draw(rng, stem) {
    let letters = "^".repeat(this.order) + stem;
    while (letters.length <= this.order + LONGEST) {
      const letter = rng.weighted(this.#after(letters.slice(letters.length - this.order)));
      if (letter === "$") break;
      letters += letter;
    }
    return letters.slice(this.order);
  }

  /** Generate a new name that suits `types`, begins with `stem`, and is none of `taken`, a set, if possible. */
  name(rng, types, known, taken = new Set(), stem = "") {
    const candidates = this.#candidates(rng, known, stem);
    let best = "";
    for (;;) {
      const some = [];
      for (let next; some.length < CANDIDATES && !(next = candidates.next()).done; ) some.push(next.value);
      if (some.length === 0) break;
      for (const name of some.sort((one, other) => this.#suits(other, types) - this.#suits(one, types))) {
        if (!taken.has(name)) return capitalized(name);
        best ||= name;
      }
    }
    if (!best) throw new EngineError("The bundle knows every name that can be generated.");
    return capitalized(best);
  }

  *#candidates(rng, known, stem) {
    const drawn = new Set();
    for (let tried = 0; tried < TRIES; tried += 1) {
      const name = this.#draw(rng, stem);
      if (!this.isUsable(name) || drawn.has(name) || known.resemble(name)) continue;
      drawn.add(name);
      yield name;
    }
  }

  #suits(name, types) {
    const pieces = windows(`^${name}$`, 3);
    const weights = types.flatMap((type) => pieces.map((piece) => this.flavors[type]?.[piece] ?? 0));
    return weights.reduce((sum, weight) => sum + weight, 0) / (pieces.length * types.length);
  }

  isUsable(name) {
    const fits = name.length >= SHORTEST && name.length <= LONGEST && !UNPRONOUNCEABLE.test(name);
    return fits && !this.denied.some((word) => name.includes(word));
  }

  /** Blend a name from the beginning of `first` and the end of `last`; a new one if there is none. */
  blend(first, last, rng) {
    const [start, end] = [first, last].map((name) => plain(name.trim().split(/\s+/).at(-1)));
    const cuts = [];
    for (let head = 2; head < start.length; head += 1) {
      for (let tail = 1; tail < end.length - 1; tail += 1) cuts.push([start.slice(0, head), end.slice(tail)]);
    }
    const usable = cuts.filter((cut) => this.isUsable(cut.join("")) && !this.knownLetters.has(cut.join("")));
    const smooth = usable.filter(([head, tail]) => VOWELS.includes(head.at(-1)) !== VOWELS.includes(tail[0]));
    if (usable.length) return capitalized(rng.pick(smooth.length ? smooth : usable).join(""));
    return this.name(rng, ["normal"], new KnownNames(this.known));
  }
}

const rotated = (letter) => String.fromCharCode(((letter.charCodeAt(0) - 97 + 13) % 26) + 97);
