// Fetching, decoding, naming and downloading pictures.

import { request } from "./api.js";
import { make } from "./elements.js";

/** The URL of a picture; `look` has further parameters. */
export const pictureAddress = (prompt, seed, look) => `v1/images?${new URLSearchParams({ prompt, seed, ...look })}`;

/**
 * Fetch a picture by `request`, because an <img> could not send the API key.
 *
 * @returns {Promise<string>} an object URL; release it with `URL.revokeObjectURL`.
 */
export async function fetchPicture(prompt, seed, options, look = {}) {
  const response = await request(pictureAddress(prompt, seed, look), options);
  return URL.createObjectURL(await response.blob());
}

/** The data URL of a picture in base64. */
export const unpacked = ({ b64_json: content }) => `data:image/png;base64,${content}`;

/** A download link. */
export function downloadLink(label, address, file) {
  return make("a", { class: "button", href: address, download: file }, label);
}

/** Download immediately. */
export function download(address, file) {
  make("a", { href: address, download: file }).click();
}

/** Turn a prompt into part of a file name, as the command line does: "Mr. Mime" to "mr-mime". */
export function plain(prompt) {
  const letters = prompt.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const joined = letters.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  return joined.slice(0, 60) || "picture";
}
