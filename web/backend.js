// What draws the page's pictures where there is no server: the networks, in a worker of the browser. Takes the place of
// runtime/pgen/web/backend.js, and exports the same.

import { button } from "./elements.js";
import { EngineError } from "./engine/errors.js";
import { refreshScripts } from "./engine/files.js";

/** Is this the error of a call that was given up? */
export const isAborted = (error) => error.name === "AbortError";

/** Heading of the first part of the view About. */
export const PLACE = "This page";

/** What an animation is saved as. */
export const FILM = { label: "PNG animation", extension: "png" };

/** Can it draw sprites for games? */
export const SPRITES = false;

const calls = new Map();
const choice = new URLSearchParams(location.search); // ?engine=wasm keeps to WebAssembly, ?threads=1 to one thread
let worker;
let scripts = Promise.resolve(); // resolves when the worker's scripts are fit to be loaded
let last = 0;
let hasGPUFailed = false;

function engine() {
  if (worker) return worker;
  const address = new URL("engine/worker.js", import.meta.url);
  address.search = choice;
  const started = new Worker(address, { type: "module" });
  started.addEventListener("message", ({ data }) => started === worker && receive(data));
  started.addEventListener("error", (event) => {
    event.preventDefault();
    if (started === worker) endAll("A part of this page cannot be loaded; check the connection and try again");
  });
  return (worker = started);
}

function stop() {
  worker?.terminate();
  worker = undefined;
}

/** A worker that failed is replaced at the next call, perhaps by one whose scripts are whole. */
function endAll(message) {
  stop();
  scripts = undefined;
  for (const { reject } of calls.values()) reject(new EngineError(message, true));
  calls.clear();
}

/** After a failure of the GPU, another worker repeats all calls, and the visit goes on without WebGPU. */
function leaveGPU() {
  stop();
  hasGPUFailed = true;
  choice.set("engine", "wasm");
  progress("WebGPU failed; starting again on WebAssembly…");
  for (const { message } of calls.values()) post(message);
  tellRuns().catch(() => {}); // the calls report the error
}

/** All calls wait for what is loaded. */
function progress(text, share) {
  for (const { onProgress } of calls.values()) onProgress(text, share);
}

function receive({ id, result, error, text, share }) {
  if (text) progress(text, share);
  if (error?.onGPU && !hasGPUFailed) return leaveGPU();
  if (!calls.has(id)) return;
  const { resolve, reject } = calls.get(id);
  calls.delete(id);
  if (!error) return resolve(result);
  reject(new EngineError(error.message, error.again));
  if (error.fatal) endAll(error.message);
}

function post(message) {
  scripts ??= refreshScripts().catch((error) => {
    endAll(error.message);
    throw error;
  });
  scripts.then(() => engine().postMessage(message), () => {}); // endAll has rejected the call
}

/** Call a method of the worker; see METHODS there. */
function call(method, body = {}, { signal, onProgress = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const id = (last += 1);
    const message = { id, method, body };
    calls.set(id, { resolve, reject, onProgress, message });
    post(message);
    signal?.addEventListener("abort", () => {
      if (!calls.delete(id)) return;
      worker?.postMessage({ abort: id });
      reject(signal.reason);
    });
  });
}

const noted = { runs: "", version: [] };
let note = () => {};

function tell(change) {
  Object.assign(noted, change);
  note(noted.runs, ...noted.version);
}

/** Load what names need, and note what runs the networks. */
async function tellRuns() {
  const description = await call("warm");
  const reason = hasGPUFailed ? ", because WebGPU failed" : "";
  tell({ runs: `The networks run in this browser, on ${description}${reason}.` });
}

/** Load what names need, before anybody asks, and keep it for visits offline; `show` is called with what to note. */
export async function start(show) {
  note = show;
  await tellRuns();
  await keepOffline();
}

let tries = 3; // each may download the page once more

/** Register the service worker; without one, as where browsers store nothing, the page works, but not offline. */
async function keepOffline() {
  if (!navigator.serviceWorker || tries === 0) return;
  tries -= 1;
  followVersions();
  const registration = await navigator.serviceWorker.register(new URL("../sw.js", import.meta.url));
  offerUpdate(registration);
  if (!registration.active && registration.installing) await installed(registration.installing);
}

/** Resolves when a service worker has fetched all files; rejects if it could not. */
function installed(starting) {
  return new Promise((resolve, reject) => {
    starting.addEventListener("statechange", () => (starting.state === "redundant" ? reject() : resolve()));
  });
}

/** Offer a new version as soon as it is whole; until then, and until the visitor asks for it, the old one runs. */
function offerUpdate(registration) {
  const use = () => {
    isAsked = true;
    registration.waiting?.postMessage("use");
  };
  const offer = () => tell({ version: [" ", button("Use the new version", use)] });
  if (registration.waiting) offer();
  registration.addEventListener("updatefound", () => {
    const { installing } = registration;
    installing.addEventListener("statechange", () => {
      if (installing.state === "installed" && navigator.serviceWorker.controller) offer();
    });
  });
}

let isAsked = false; // was the new version asked for in this tab?
let isFollowed = false;

/** When a new version takes over, reload the tab that asked for it; others say so, and go on with what they have. */
function followVersions() {
  if (isFollowed) return;
  isFollowed = true;
  const { serviceWorker } = navigator;
  let isFirst = !serviceWorker.controller; // it takes over, too, but is of this version
  serviceWorker.addEventListener("controllerchange", () => {
    if (isAsked) location.reload();
    else if (!isFirst) {
      const reload = button("Reload", () => location.reload());
      tell({ version: [" Another tab uses a new version now; this one may miss files until it is reloaded. ", reload] });
    }
    isFirst = false;
  });
}

/** The known names. */
export const names = () => call("names");

/** One line of advice on each text, such as a name that it may misspell; null where there is none. */
export const notes = (texts, options) => call("notes", { texts }, options);

/** What the view About shows. */
export const about = () => call("about");

/** Draw one picture; gives a PNG as a Blob. */
export const picture = (prompt, seed, options, { shiny, colors } = {}) =>
  call("picture", { prompt, seed: Number(seed), shiny: Boolean(shiny), colors }, options);

/** Draw the frames of an animation; gives a URL of each one's PNG. */
export const frames = (parameters, options) => call("frames", parameters, options);

/** Draw an animation that loops, as the file that FILM names. */
export const film = (parameters, options) => call("film", parameters, options);

/** Draw fusions; gives name, seed and the URL of the picture of each. */
export const fusions = (body, options) => call("fusions", body, options);

/** Make new Pokémon, as pgen describes them, with the URLs of picture and card. */
export const pokemon = (body, options) => call("pokemon", body, options);

/** Sprites are drawn by `pgen sprite` and `pgen serve` alone. */
export const sprite = () => Promise.reject(new EngineError("This page draws no sprites."));
