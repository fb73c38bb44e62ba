// What draws the page's pictures: here `pgen serve`. The only module that differs in the page without a server, where
// web/backend.js of the repository takes its place and runs the networks in the browser; both export the same.

import { isAborted, json, request } from "./api.js";

export { isAborted };

/** Heading of the first part of the view About. */
export const PLACE = "This server";

/** What an animation is saved as. */
export const FILM = { label: "GIF", extension: "gif" };

/** Can it draw sprites for games? */
export const SPRITES = true;

const unpacked = ({ b64_json: content }) => `data:image/png;base64,${content}`;

const blob = async (path, options) => (await request(path, options)).blob();

/** Prepare; `note` is called with what runs the networks, which only the page without a server says. */
export async function start(note) {
  note("");
}

/** The known names. */
export const names = async () => (await json("v1/names")).names;

/** One line of advice on each text, such as a name that it may misspell; null where there is none. */
export const notes = async (texts, options) => (await json("v1/notes", { ...options, body: { texts } })).notes;

/** What the view About shows. */
export const about = () => json("v1/about");

/**
 * Draw one picture.
 *
 * @param {string} prompt
 * @param {number} seed
 * @param {{signal: AbortSignal, onProgress: function(string, number=): void}} options
 * @param {{shiny?: string, colors?: string}} look
 * @returns {Promise<Blob>} a PNG.
 */
export const picture = (prompt, seed, options, look) =>
  blob(`v1/images?${new URLSearchParams({ prompt, seed, ...look })}`, options);

/** Draw the frames of an animation; gives a URL of each one's PNG. */
export async function frames(parameters, options) {
  const { data } = await json("v1/morph", { ...options, body: { ...parameters, loop: false, format: "frames" } });
  return data.map(unpacked);
}

/** Draw an animation that loops, as the file that FILM names. */
export const film = (parameters, options) =>
  blob("v1/morph", { ...options, body: { ...parameters, loop: true, format: "gif" } });

/** Draw fusions; gives name, seed and the URL of the picture of each. */
export async function fusions(body, options) {
  const { data } = await json("v1/fuse", { ...options, body });
  return data.map((fusion) => ({ ...fusion, picture: unpacked(fusion) }));
}

/**
 * Make new Pokémon, as POST /v1/dex describes them, with the URLs of picture and card; of an evolution line, the last
 * one has the URL of the sheet.
 */
export async function pokemon(body, options) {
  const { data, sheets = [] } = await json("v1/dex", { ...options, body });
  const entries = data.map((entry) => ({ ...entry, picture: unpacked(entry.picture), card: unpacked(entry.card) }));
  sheets.forEach((sheet, line) => (entries[(line + 1) * body.family - 1].sheet = unpacked(sheet)));
  return entries;
}

/** Draw the files of a sprite, usual and shiny, as a ZIP archive. */
export const sprite = (body, options) => blob("v1/sprite", { ...options, body });
