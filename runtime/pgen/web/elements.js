// Creating and finding elements. Strings become text nodes; no code of the page parses HTML.

/** Find an element by its id. */
export const byId = (id) => document.getElementById(id);

/**
 * Create an element.
 *
 * @param {string} tag
 * @param {Object<string, *>} attributes "on..." are listeners, true sets an empty attribute, false and undefined
 *   set none.
 * @param {...(Node|string|number|Array)} children strings become text, arrays are flattened.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/** Create a button. */
export const button = (label, onclick) => make("button", { type: "button", onclick }, label);

/** Create text for screen readers only. */
export const hidden = (text) => make("span", { class: "hidden" }, text);

const LETTERS = /\b(fid|gan|hp|id|kid|kl|psnr|r1)\b/g; // abbreviations

/** Format an identifier as a title: "special_attack" to "Special attack". */
export function title(word) {
  const plain = String(word).replaceAll("_", " ").replace(LETTERS, (letters) => letters.toUpperCase());
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}
