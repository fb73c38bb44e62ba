// The worker in which the networks run, so that the page never freezes. Calls are answered one after another.

import { Bundle, checkPrompt } from "./bundle.js";
import { drawCard, drawFamily } from "./card.js";
import { EngineError } from "./errors.js";
import { Files, readRelease } from "./files.js";
import { Rng, STREAM } from "./philox.js";
import { animatedPng, png } from "./png.js";

const FPS = 24; // of a downloaded animation

const choice = Object.fromEntries(new URLSearchParams(location.search)); // engine and threads
const aborted = new Set();
let opened;
let queue = Promise.resolve();

const onProgress = (text, share) => postMessage({ text, share });

async function open() {
  const release = await readRelease();
  return { release, bundle: new Bundle(new Files(release.files, onProgress), choice, onProgress) };
}

/** The release and the bundle; opened again after a failure. */
const parts = () => (opened ??= open().catch((error) => ((opened = undefined), Promise.reject(error))));

/** Metadata of a picture, as pgen writes them. */
async function fieldsOf({ release, bundle }, { prompt, seed, colors, fused, shiny }) {
  const [runtime, { model }] = [await bundle.runtime(), await bundle.pictures()];
  const fields = {
    prompt,
    seed: String(seed),
    name: fused && (await fusedName(bundle, { prompt, fused, seed })),
    model: await bundle.modelName(),
    truncation: "1.0",
    colors,
    fused: fused && JSON.stringify([fused]),
    shiny: shiny && "True",
    resample: model.settings.resample ?? "lanczos",
    background: "transparent",
    bundle: release.bundle,
    backend: runtime.backend,
    Software: `pokegan ${release.version}`,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value));
}

const fusedName = async (bundle, { prompt, fused, seed }) =>
  (await bundle.lexicon()).blend(prompt, fused, new Rng(seed, STREAM.FUSED_NAME));

async function drawn(both, request) {
  const pictures = await both.bundle.pictures();
  const pixels = await pictures.draw(request);
  return { pixels, side: pictures.size, file: await png(pixels, pictures.size, pictures.size, await fieldsOf(both, request)) };
}

const dataUrl = (blob) => new FileReaderSync().readAsDataURL(blob);

/** The pixels of a morph's frames, one by one. */
async function* morphed({ bundle }, { start, end, seed, frames, loop }) {
  const [first, last] = [start, end].map((prompt) => ({ prompt: checkPrompt(prompt), seed }));
  if (first.prompt === last.prompt) {
    throw new EngineError("both ends are the same picture; choose another prompt or seed for one");
  }
  yield* (await bundle.pictures()).morph(first, last, frames, loop);
}

/** What the page can ask for; each is given the parts, the body of the call, and a check whether it was given up. */
const METHODS = {
  warm: async ({ bundle }) => {
    await bundle.warm();
    return (await bundle.runtime()).description;
  },
  names: ({ bundle }) => bundle.names(),
  notes: ({ bundle }, { texts }) => bundle.notes(texts.map(checkPrompt)),
  about: async ({ release, bundle }) => {
    const { models } = await bundle.manifest();
    const run = Object.entries(models).filter(([, { file }]) => file in release.files);
    const shown = run.map(([name, model]) => [name, described(model)]);
    const { description: runtime } = await bundle.runtime();
    const names = (await bundle.names()).length;
    return { version: release.version, bundle: release.bundle, runtime, names, models: Object.fromEntries(shown) };
  },
  picture: async (both, { prompt, seed, shiny, colors }) =>
    (await drawn(both, { prompt: checkPrompt(prompt), seed, shiny, colors: colors && checkPrompt(colors) })).file,
  frames: async (both, body, check) => {
    const { size } = await both.bundle.pictures();
    const urls = [];
    for await (const pixels of morphed(both, body)) {
      check();
      urls.push(dataUrl(await png(pixels, size, size, {})));
    }
    return urls;
  },
  film: async (both, body, check) => {
    const frames = [];
    for await (const pixels of morphed(both, { ...body, loop: true })) {
      check();
      frames.push(pixels.slice());
    }
    return animatedPng(frames, (await both.bundle.pictures()).size, FPS);
  },
  fusions: async (both, { parents, n, seed, colors, shiny }, check) => {
    const [prompt, fused] = parents.map(checkPrompt);
    const fusions = [];
    for (let one = seed; one < seed + n; one += 1) {
      check();
      const request = { prompt, fused, seed: one, colors: colors && checkPrompt(colors), shiny };
      const { file } = await drawn(both, request);
      fusions.push({ name: await fusedName(both.bundle, request), seed: one, picture: dataUrl(file) });
    }
    return fusions;
  },
  pokemon: async (both, body, check) => {
    const { release, bundle } = both;
    const { style } = await bundle.tables();
    const entries = [];
    let line = []; // the stages so far, and their cards
    for await (const { described: entry, request } of (await bundle.dex()).entries(body)) {
      check();
      const { pixels, side, file } = await drawn(both, request);
      const described = { ...entry, bundle: release.bundle };
      const fields = { dex: JSON.stringify(described), Software: `pokegan ${release.version}` };
      const foot = `Generated by PokéGAN, seed ${entry.seed}, bundle ${release.bundle.slice(0, 12)}. An unofficial fan work.`;
      const card = await drawCard(entry, pixels, side, style, foot, fields);
      entries.push({ ...described, picture: dataUrl(file), card: dataUrl(card) });
      line.push({ described, card });
      if (line.length < entry.family.length) continue;
      if (entry.family.length) {
        const dex = JSON.stringify(line.map((stage) => stage.described));
        entries.at(-1).sheet = dataUrl(await drawFamily(line.map((stage) => stage.card), { ...fields, dex }));
      }
      line = [];
    }
    return entries;
  },
};

/** What the view About shows of a model. */
function described({ kind, precision, opset, parity, provenance }) {
  const { run = {}, metrics = {}, evaluation = {} } = provenance;
  const { data = {}, versions = {}, ...recipe } = run;
  return { kind, precision, opset, parity, provenance: { data, recipe, versions, metrics, evaluation } };
}

/** What the page needs to know of an error; after an unexpected one it starts another worker, without a GPU if it had one. */
async function reported(error) {
  if (error instanceof EngineError) return { message: error.message, again: error.again };
  const onGPU = await opened?.then(({ bundle }) => bundle.onGPU).catch(() => false);
  return { message: `The networks failed (${error?.message ?? error}); try again`, again: true, fatal: true, onGPU };
}

async function answer({ id, method, body }) {
  const check = () => {
    if (aborted.has(id)) throw new EngineError("given up");
  };
  try {
    check();
    const result = await METHODS[method](await parts(), body, check);
    postMessage({ id, result });
  } catch (error) {
    postMessage({ id, error: await reported(error) });
  }
  aborted.delete(id);
}

addEventListener("message", ({ data }) => {
  if (data.abort) aborted.add(data.abort);
  else queue = queue.then(() => answer(data));
});
