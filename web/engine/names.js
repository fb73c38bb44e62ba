// Known names in any spelling and language, as pgen.bundle.names finds them.

const FORMS = new Set("mega gigantamax primal alolan galarian hisuian paldean x y".split(" "));
const WORDS = { female: "f", male: "m", gmax: "gigantamax" };
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

/** Finds the rows of names; where two names fold to the same text, the first has it. */
export class NameIndex {
  /**
   * @param {string[]} names
   * @param {Object<string, string>} translations English names by folded ones.
   */
  constructor(names, translations) {
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

  #row(folded) {
    const english = this.translations.get(folded);
    return this.rows.get(folded) ?? (english === undefined ? undefined : this.rows.get(fold(english)));
  }
}
