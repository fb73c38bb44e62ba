// What draws the page's pictures where there is no server: the networks, in a worker of the browser. Takes the place of
// runtime/pgen/web/backend.js, and exports the same.

import { button } from "./elements.js";

/** An error whose message is meant for the user; `again` says that another try may succeed. */
class EngineFailed extends Error {
  constructor({ message, again }) {
    super(message);
    this.again = again;
  }
}

/** Is this the error of a call that was given up? */
export const isAborted = (error) => error.name === "AbortError";

/** Heading of the first part of the view About. */
export const PLACE = "This page";

/** What an animation is saved as. */
export const FILM = { label: "PNG animation", extension: "png" };

/** Can it draw sprites for games? */
export const SPRITES = false;

const calls = new Map();
let worker;
let last = 0;

function engine() {
  if (worker) return worker;
  const address = new URL("engine/worker.js", import.meta.url);
  address.search = location.search; // ?engine=wasm keeps to WebAssembly, ?threads=1 to one thread
  worker = new Worker(address, { type: "module" });
  worker.addEventListener("message", ({ data }) => receive(data));
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    endAll("A part of this page cannot be loaded; check the connection and try again");
  });
  return worker;
}

/** A worker that failed is replaced at the next call. */
function endAll(message) {
  worker?.terminate();
  worker = undefined;
  for (const { reject } of calls.values()) reject(new EngineFailed({ message, again: true }));
  calls.clear();
}

function receive({ id, result, error, text, share }) {
  if (text) for (const { onProgress } of calls.values()) onProgress(text, share); // all calls wait for what is loaded
  if (!calls.has(id)) return;
  const { resolve, reject } = calls.get(id);
  calls.delete(id);
  if (!error) return resolve(result);
  reject(new EngineFailed(error));
  if (error.fatal) endAll(error.message);
}

/** Call a method of the worker; see METHODS there. */
function call(method, body = {}, { signal, onProgress = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const id = (last += 1);
    calls.set(id, { resolve, reject, onProgress });
    engine().postMessage({ id, method, body });
    signal?.addEventListener("abort", () => {
      if (!calls.delete(id)) return;
      worker?.postMessage({ abort: id });
      reject(signal.reason);
    });
  });
}

/** Load what names need, before anybody asks; `note` is called with what runs the networks. */
export async function start(note) {
  const runs = await call("warm").then(
    (description) => `The networks run in this browser, on ${description}.`,
    () => "", // what is drawn first reports the error
  );
  note(runs);
  navigator.serviceWorker?.register(new URL("../sw.js", import.meta.url)).then(
    (registration) => offerUpdate(registration, () => note(runs, " ", updateButton(registration))),
    () => {}, // without it the page works, but not offline
  );
}

/** Offer a new version as soon as it is whole; until then, and until the visitor asks for it, the old one runs. */
function offerUpdate(registration, offer) {
  if (registration.waiting) offer();
  registration.addEventListener("updatefound", () => {
    const { installing } = registration;
    installing.addEventListener("statechange", () => {
      if (installing.state === "installed" && navigator.serviceWorker.controller) offer();
    });
  });
}

const updateButton = (registration) =>
  button("Use the new version", () => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    registration.waiting?.postMessage("use");
  });

/** The known names. */
export const names = () => call("names");

/** What the view About shows. */
export const about = () => call("about");

/** Draw one picture; gives a PNG as a Blob. */
export const picture = (prompt, seed, options, { shiny } = {}) =>
  call("picture", { prompt, seed: Number(seed), shiny: Boolean(shiny) }, options);

/** Draw the frames of an animation; gives a URL of each one's PNG. */
export const frames = (parameters, options) => call("frames", parameters, options);

/** Draw an animation that loops, as the file that FILM names. */
export const film = (parameters, options) => call("film", parameters, options);

/** Draw fusions; gives name, seed and the URL of the picture of each. */
export const fusions = (body, options) => call("fusions", body, options);

/** Make new Pokémon, as pgen describes them, with the URLs of picture and card. */
export const pokemon = (body, options) => call("pokemon", body, options);

/** Sprites are drawn by `pgen sprite` and `pgen serve` alone. */
export const sprite = () => Promise.reject(new EngineFailed({ message: "This page draws no sprites." }));
