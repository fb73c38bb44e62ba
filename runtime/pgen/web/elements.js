// Making and finding elements. Text only ever becomes text: nothing here, or anywhere else, parses HTML.

/** Find the element of an id. */
export const byId = (id) => document.getElementById(id);

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {Object<string, *>} attributes "on..." are listeners, true is an attribute without a value, false and
 *   undefined are left out.
 * @param {...(Node|string|number|Array)} children strings become text, lists are laid out.
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

/** Make a button that does something. */
export const button = (label, onclick) => make("button", { type: "button", onclick }, label);

/** Make text that only a screen reader tells. */
export const hidden = (text) => make("span", { class: "hidden" }, text);

const LETTERS = /\b(fid|gan|hp|id|kid|kl|psnr|r1)\b/g; // what is not said as a word

/** Write a word as a title: "special_attack" to "Special attack". */
export function title(word) {
  const plain = String(word).replaceAll("_", " ").replace(LETTERS, (letters) => letters.toUpperCase());
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}
