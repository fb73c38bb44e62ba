// Naming and downloading pictures.

import { make } from "./elements.js";

/** A download link. */
export function downloadLink(label, address, file) {
  return make("a", { class: "button", href: address, download: file }, label);
}

/** Save a file immediately. */
export function save(content, file) {
  const address = URL.createObjectURL(content);
  make("a", { href: address, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser may first ask where to save
}

/** Turn a prompt into part of a file name, as the command line does: "Mr. Mime" to "mr-mime". */
export function plain(prompt) {
  const letters = prompt.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const joined = letters.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  return joined.slice(0, 60) || "picture";
}
