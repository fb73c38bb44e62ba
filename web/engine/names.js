// Known names in any spelling and language, as pgen.bundle.names finds them.

const FORMS = new Set("mega gigantamax primal alolan galarian hisuian paldean x y".split(" "));
const WORDS = { female: "f", male: "m", gmax: "gigantamax" };
const SIMILAR = 0.8; // of a misspelled name: two letters of ten may differ
const SIGNS = { "\u2640": " f ", "\u2642": " m " };

/** Reduce a name to what all its spellings share: no case, accents, apostrophes, width or order of words. */
export function fold(name) {
  return wordsOf(name).sort(byCodePoint).join(" ");
}

function wordsOf(name) {
  const plain = name
    .replace(/[\u2640\u2642]/g, (sign) => SIGNS[sign])
    .replace(/['\u2018\u2019`\u00b4.]/g, "")
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .normalize("NFC");
  const words = casefolded(plain).match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.map((word) => WORDS[word] ?? word);
}

/** Reduce a name as fold does, and leave out the spaces instead of the order: "Porygon 2" is Porygon2. */
function joined(name) {
  return wordsOf(name).join("");
}

/** Lower case, for comparisons, letter by letter. */
function casefolded(text) {
  return Array.from(text, (letter) => (letter === "\u00df" ? "ss" : letter === "\u03c2" ? "\u03c3" : letter.toLowerCase())).join("");
}

function byCodePoint(one, other) {
  const [left, right] = [one, other].map((word) => Array.from(word, (letter) => letter.codePointAt(0)));
  const at = left.findIndex((point, index) => point !== right[index]);
  return at < 0 ? left.length - right.length : left[at] - (right[at] ?? -1);
}

/** Finds names and their rows; where two names fold to the same text, the first has it. */
export class NameIndex {
  /**
   * @param {string[]} names
   * @param {Object<string, string>} translations English names by folded ones.
   */
  constructor(names, translations) {
    this.names = names;
    this.translations = new Map(Object.entries(translations));
    this.exact = new Map(names.map((name, row) => [name.toLowerCase(), row]));
    this.rows = new Map();
    names.forEach((name, row) => this.rows.has(fold(name)) || this.rows.set(fold(name), row));
    this.joined = new Map();
    names.forEach((name, row) => this.joined.has(joined(name)) || this.joined.set(joined(name), row));
  }

  /** The row of the name, in any language, that `prompt` is or is a form of; undefined if it is none. */
  find(prompt) {
    const folded = fold(prompt);
    const words = folded.split(" ").filter((word) => !FORMS.has(word));
    const row = this.exact.get(prompt.toLowerCase()) ?? this.#row(folded) ?? this.#row(words.join(" "));
    return row ?? this.joined.get(joined(prompt));
  }

  /** The name that `prompt` may misspell; undefined if no name is similar. */
  closest(prompt) {
    const letters = [...fold(prompt)];
    let [best, names] = [SIMILAR, []];
    for (const folded of [...this.rows.keys()].sort(byCodePoint)) {
      const others = [...folded];
      if (2 * Math.min(others.length, letters.length) < SIMILAR * (others.length + letters.length)) continue; // faster
      const share = similarity(others, letters);
      if (share > best) names = [];
      if (share >= best) [best, names] = [share, [...names, folded]];
    }
    const rows = names.slice(-2).map((folded) => this.rows.get(folded));
    return rows.sort((one, other) => one - other).map((row) => this.names[row]);
  }

  #row(folded) {
    const english = this.translations.get(folded);
    return this.rows.get(folded) ?? (english === undefined ? undefined : this.rows.get(fold(english)));
  }
}

/** The similarity of two lists of letters, 0 to 1 (Ratcliff and Obershelp, 1988), as Python's difflib computes it. */
function similarity(one, other) {
  let matches = 0;
  const parts = [[0, one.length, 0, other.length]];
  while (parts.length) {
    const [from, to, start, end] = parts.pop();
    const [at, place, size] = longestMatch(one.slice(from, to), other.slice(start, end));
    if (size === 0) continue;
    matches += size;
    parts.push([from, from + at, start, start + place], [from + at + size, to, start + place + size, end]);
  }
  return (2 * matches) / (one.length + other.length);
}

/** Where the longest common run begins in both lists, and its size; the first of equal ones. */
function longestMatch(one, other) {
  let best = [0, 0, 0];
  let sizes = []; // of the runs that end at each place of `other`
  for (const [at, letter] of one.entries()) {
    const next = [];
    for (const [place, same] of other.entries()) {
      if (letter !== same) continue;
      const size = (next[place] = (sizes[place - 1] ?? 0) + 1);
      if (size > best[2]) best = [at - size + 1, place - size + 1, size];
    }
    sizes = next;
  }
  return best;
}
