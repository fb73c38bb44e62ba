// WordPiece tokens of BERT without case (Devlin et al., 2019), as the library tokenizers makes them.

const CONTROL = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u;
const SPACE = /[\p{White_Space}]/u;
const PUNCTUATION = /[!-/:-@[-`{-~\p{P}]/u;
const ACCENT = /\p{Mn}/gu;
const CHINESE = /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/u;

/** Tokenizes texts by the vocabulary of a tokenizer.json. */
export class Tokenizer {
  /**
   * @param {Object} file the parsed tokenizer.json.
   * @param {number} most tokens, with those at both ends.
   */
  constructor(file, most) {
    const { vocab, unk_token: unknown, max_input_chars_per_word: longest } = file.model;
    Object.assign(this, { most, longest });
    this.vocabulary = new Map(Object.entries(vocab));
    this.unknown = this.vocabulary.get(unknown);
    this.texts = new Map(Object.entries(vocab).map(([text, id]) => [id, text]));
    this.ends = ["[CLS]", "[SEP]"].map((token) => this.vocabulary.get(token));
    this.special = new Map(file.added_tokens.map(({ content, id }) => [content, id]));
    const escaped = [...this.special.keys()].map((token) => token.replace(/[[\]]/g, "\\$&"));
    this.splitter = new RegExp(`(${escaped.join("|")})`);
  }

  /** Tokenize a text; gives token ids. Compatibility letters are read as plain ones (NFKC), as pgen does. */
  encode(text) {
    const parts = text.normalize("NFKC").split(this.splitter);
    const ids = parts.flatMap((part) => (this.special.has(part) ? [this.special.get(part)] : this.#words(part)));
    return [this.ends[0], ...ids.slice(0, this.most - 2), this.ends[1]];
  }

  /** Has the encoder learned what a token means? Of other scripts it knows single letters only. */
  isRead(id) {
    return id !== this.unknown && /^[\0-\x7f]*$/.test(this.texts.get(id));
  }

  #words(text) {
    return split(normalized(text)).flatMap((word) => this.#pieces(word));
  }

  /** Split a word into its longest known pieces, from the left. */
  #pieces(word) {
    const letters = [...word];
    if (letters.length > this.longest) return [this.unknown];
    const ids = [];
    for (let start = 0, end; start < letters.length; start = end) {
      for (end = letters.length; end > start; end -= 1) {
        const id = this.vocabulary.get((start ? "##" : "") + letters.slice(start, end).join(""));
        if (id !== undefined) {
          ids.push(id);
          break;
        }
      }
      if (end === start) return [this.unknown];
    }
    return ids;
  }
}

/** No control characters, spaces around Chinese ones, no accents, lower case. */
function normalized(text) {
  const cleaned = Array.from(text, (letter) => {
    if (/[\t\n\r]/.test(letter)) return " ";
    if (letter === "\ufffd" || CONTROL.test(letter)) return "";
    if (SPACE.test(letter)) return " ";
    return CHINESE.test(letter) ? ` ${letter} ` : letter;
  });
  const plain = cleaned.join("").normalize("NFD").replace(ACCENT, "");
  return Array.from(plain, (letter) => letter.toLowerCase()).join(""); // one by one: a final sigma is one as any other
}

/** Split at spaces, and around each sign of punctuation. */
function split(text) {
  const words = [""];
  for (const letter of text) {
    if (SPACE.test(letter)) words.push("");
    else if (PUNCTUATION.test(letter)) words.push(letter, "");
    else words[words.length - 1] += letter;
  }
  return words.filter(Boolean);
}
