// Advice on prompts, as pgen.text_encoder gives it: misspelled names, and what the encoder cannot read.

const MAX_NAME_WORDS = 3;

const UNREAD = "most of it is unknown to the model, which draws all such prompts alike; write English words";

/**
 * Return a line of advice on a prompt that is not a known name; null if it needs none.
 *
 * @param {string} prompt
 * @param {Tokenizer} tokenizer
 * @param {NameIndex} index
 */
export function noteOn(prompt, tokenizer, index) {
  const tokens = tokenizer.encode(prompt).slice(1, -1);
  const unread = tokens.filter((token) => !tokenizer.isRead(token)).length;
  if (2 * unread >= Math.max(1, tokens.length)) return UNREAD;
  const words = prompt.trim().split(/\s+/).length;
  // A word that the tokenizer has whole is an ordinary one, such as "dragon", and not meant as "Dragonite".
  const isOrdinary = words > MAX_NAME_WORDS || tokens.length <= words;
  const names = isOrdinary ? [] : index.closest(prompt);
  return names.length ? `did you mean ${names.join(" or ")}?` : null;
}
