// The bundle in the browser: networks, known names and tables, each loaded when it is first needed.

import { EngineError } from "./errors.js";
import { Lexicon } from "./lexicon.js";
import { NameIndex } from "./names.js";
import { noteOn } from "./notes.js";
import { Pictures } from "./pictures.js";
import { Dex } from "./pokemon.js";
import { Runtime } from "./runtime.js";
import { Templates } from "./templates.js";
import { Tokenizer } from "./tokenizer.js";

const MAX_PROMPT = 1000;

/** Strip a prompt, and check it as pgen does. */
export function checkPrompt(prompt) {
  const stripped = prompt.trim();
  if (!stripped) throw new EngineError('the prompt is empty; write a name or a sentence, such as "Charizard"');
  const letters = Array.from(stripped);
  if (letters.length > MAX_PROMPT) {
    throw new EngineError(`the prompt has ${letters.length} characters; the maximum is ${MAX_PROMPT}`);
  }
  if (/[\p{Cc}\p{Cs}]/u.test(stripped)) throw new EngineError("the prompt has a control character; remove it");
  return stripped;
}

/** Computes a value at the first call, and again after a failure. */
function once(compute) {
  let promise;
  return () => (promise ??= compute().catch((error) => ((promise = undefined), Promise.reject(error))));
}

export class Bundle {
  #files;
  #choice;
  #onProgress;
  #embeddings = new Map();

  /** Does the picture network run on WebGPU? Known once it is open. */
  onGPU = false;

  /**
   * @param {Files} files
   * @param {{engine?: string, threads?: string}} choice of runtime, from the page's address; by default the best.
   * @param {function(string, number=): void} onProgress as in Files.
   */
  constructor(files, choice, onProgress) {
    this.#files = files;
    this.#choice = choice;
    this.#onProgress = onProgress;
  }

  manifest = once(() => this.#files.json("manifest.json"));
  tables = once(() => this.#files.json("tables.json"));
  names = once(async () => (this.#files.has("names.json") ? this.#files.json("names.json") : []));
  lexicon = once(async () => {
    const { learned, denied } = await this.tables();
    return new Lexicon(learned, denied);
  });

  async #model(kind) {
    const model = Object.values((await this.manifest()).models).find((each) => each.kind === kind);
    if (!model) throw new EngineError(`This page's bundle has no ${kind} model.`);
    return model;
  }

  /** The name of the text-to-image model, for metadata. */
  async modelName() {
    const { models } = await this.manifest();
    return Object.keys(models).find((name) => models[name].kind === "text-to-image");
  }

  #started = once(async () => {
    const started = await Runtime.open(this.#files, this.#choice, await this.#model("text-to-image"));
    this.onGPU = started[0].onGPU;
    this.#onProgress("Drawing…");
    return started;
  });

  runtime = async () => (await this.#started())[0];

  pictures = once(async () => {
    const model = await this.#model("text-to-image");
    const [runtime, session] = await this.#started();
    const run = (feeds) => runtime.run(session, model, feeds);
    return new Pictures(model, run, (text) => this.#embed(text), await this.names());
  });

  dex = once(async () => {
    const [model, runtime, tables] = [await this.#model("stats"), await this.runtime(), await this.tables()];
    const session = await runtime.session(model);
    const [{ mixes }, lexicon, names] = [await this.pictures(), await this.lexicon(), await this.names()];
    const parts = { lexicon, templates: new Templates(tables.phrases), lines: tables.lines, names, mixes };
    return new Dex(model, (feeds) => runtime.run(session, model, feeds), parts);
  });

  #index = once(async () => new NameIndex(await this.names(), (await this.tables()).translations));

  /** The embeddings of names, Float32Array of one row after another. */
  #stored = once(async () => readNumpy(await this.#files.load("names.npy")));

  #tokenizer = once(async () => {
    const { settings } = await this.#model("encoder");
    return new Tokenizer(await this.#files.json("tokenizer.json"), settings.max_tokens);
  });

  #encoder = once(async () => {
    const [model, runtime, tokenizer] = [await this.#model("encoder"), await this.runtime(), await this.#tokenizer()];
    const session = await runtime.session(model);
    this.#onProgress("Drawing…");
    return async (text) => {
      const ids = BigInt64Array.from(tokenizer.encode(text), BigInt);
      const feeds = { input_ids: ids, attention_mask: new BigInt64Array(ids.length).fill(1n) };
      return (await runtime.run(session, model, feeds)).sentence_embedding;
    };
  });

  /** Load what pictures of names need. */
  async warm() {
    await Promise.all([this.pictures(), this.#index(), this.#files.has("names.npy") ? this.#stored() : null]);
  }

  /** The lines of advice on `texts` in their order; null for those that need none, as for known names. */
  async notes(texts) {
    const index = await this.#index();
    return Promise.all(
      texts.map(async (text) => (index.find(text) === undefined ? noteOn(text, await this.#tokenizer(), index) : null)),
    );
  }

  /** Embed a text: known names are looked up, for all else the encoder runs. */
  async #embed(text) {
    const row = (await this.#index()).find(text);
    if (row !== undefined) {
      const stored = await this.#stored();
      const width = stored.length / (await this.names()).length;
      return stored.slice(row * width, (row + 1) * width);
    }
    if (!this.#embeddings.has(text)) {
      const encode = await this.#encoder();
      if (this.#embeddings.size > 1000) this.#embeddings.clear();
      this.#embeddings.set(text, await encode(text));
    }
    return this.#embeddings.get(text);
  }
}

/** Read an array of float16 or float32 in NumPy's format, version 1. */
export function readNumpy(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 10 + view.getUint16(8, true);
  const header = new TextDecoder().decode(bytes.subarray(10, start));
  if (header.includes("'<f4'")) return Float32Array.from({ length: (bytes.length - start) / 4 }, (_, at) => view.getFloat32(start + 4 * at, true));
  return Float32Array.from({ length: (bytes.length - start) / 2 }, (_, at) => half(view.getUint16(start + 2 * at, true)));
}

/** The value of a float16 from its bits. */
function half(bits) {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
