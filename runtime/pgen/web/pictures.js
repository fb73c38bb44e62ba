// Pictures: fetched or unpacked, named, downloaded.

import { request } from "./api.js";
import { make } from "./elements.js";

/** The address of one picture on this server. */
export const pictureAddress = (prompt, seed) => `v1/images?${new URLSearchParams({ prompt, seed })}`;

/**
 * Fetch one picture; its bytes come through `request`, which an <img> of that address could not give a key to.
 *
 * @returns {Promise<string>} an address of it within this page; `URL.revokeObjectURL` forgets it.
 */
export async function fetchPicture(prompt, seed, options) {
  const response = await request(pictureAddress(prompt, seed), options);
  return URL.createObjectURL(await response.blob());
}

/** The address of a picture that came as base64. */
export const unpacked = ({ b64_json: content }) => `data:image/png;base64,${content}`;

/** A link that downloads. */
export function downloadLink(label, address, file) {
  return make("a", { class: "button", href: address, download: file }, label);
}

/** Download at once. */
export function download(address, file) {
  make("a", { href: address, download: file }).click();
}

/** Turn a prompt into part of a file's name, as the command does: "Mr. Mime" to "mr-mime". */
export function plain(prompt) {
  const letters = prompt.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const joined = letters.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  return joined.slice(0, 60) || "picture";
}
