// Computes with the static page's modules what Python compares: node web_vectors.mjs JOB.json, results as JSON on stdout.
import { readFileSync } from "node:fs";
import { readNumpy } from "../../../web/engine/bundle.js";
import { KnownNames, Lexicon } from "../../../web/engine/lexicon.js";
import { fold, NameIndex } from "../../../web/engine/names.js";
import { noteOn } from "../../../web/engine/notes.js";
import { latent, Rng, STREAM } from "../../../web/engine/philox.js";
import { colorDistance, Pictures } from "../../../web/engine/pictures.js";
import { Dex } from "../../../web/engine/pokemon.js";
import { Templates } from "../../../web/engine/templates.js";
import { Tokenizer } from "../../../web/engine/tokenizer.js";

const bits = (floats) => [...new Uint32Array(floats.buffer, floats.byteOffset, floats.length)];

/** Run a Dex or Pictures with a network that answers from a list, and record its inputs. */
function recorded(answers) {
  const feeds = [];
  const run = async (inputs) => {
    feeds.push(Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, bits(values)])));
    return answers[feeds.length - 1] ?? answers.at(-1);
  };
  return { feeds, run };
}

const METHODS = {
  latents: ({ seeds, dimensions }) => seeds.map((seed) => bits(latent(BigInt(seed), dimensions))),
  uniforms: ({ seeds, count }) =>
    seeds.map((seed) =>
      Object.values(STREAM).map((stream) => {
        const rng = new Rng(BigInt(seed), stream);
        return Array.from({ length: count }, () => rng.uniform());
      }),
    ),
  tokens: ({ tokenizer, most, texts }) => {
    const built = new Tokenizer(tokenizer, most);
    return texts.map((text) => built.encode(text));
  },
  folded: ({ names }) => names.map(fold),
  rows: ({ names, translations, prompts }) => {
    const index = new NameIndex(names, translations);
    return prompts.map((prompt) => index.find(prompt) ?? null);
  },
  notes: ({ tokenizer, most, names, prompts }) => {
    const [built, index] = [new Tokenizer(tokenizer, most), new NameIndex(names, {})];
    return prompts.map((prompt) => noteOn(prompt, built, index));
  },
  blends: ({ tables, pairs }) => {
    const lexicon = new Lexicon(tables.learned, tables.denied);
    return pairs.map(([first, last, seed]) => lexicon.blend(first, last, new Rng(seed, STREAM.FUSED_NAME)));
  },
  resembles: ({ known, names }) => {
    const built = new KnownNames(known);
    return names.map((name) => built.resemble(name));
  },
  numbers: ({ path }) => bits(readNumpy(readFileSync(path))),
  distance: ({ first, second }) => colorDistance(Uint8Array.from(first), Uint8Array.from(second)),
  entries: async ({ tables, names, model, answers, body }) => {
    const { feeds, run } = recorded(answers.map((answer) => ({ ...answer, stats: Uint8Array.from(answer.stats) })));
    const lexicon = new Lexicon(tables.learned, tables.denied);
    const parts = { lexicon, templates: new Templates(tables.phrases), lines: tables.lines, names, mixes: true };
    const entries = [];
    for await (const { described } of new Dex(model, run, parts).entries(body)) entries.push(described);
    return { entries, feeds };
  },
  inputs: async ({ model, names, embeddings, request }) => {
    const { feeds, run } = recorded([{ pictures: new Uint8Array(4), stage1: new Uint8Array(4) }]);
    const embed = async (text) => Float32Array.of(embeddings[text]);
    await new Pictures(model, run, embed, names).draw(request);
    return feeds;
  },
  morph: async ({ model, embeddings, start, end, count, loop }) => {
    const { feeds, run } = recorded([{ pictures: new Uint8Array(4) }]);
    const pictures = new Pictures(model, run, async (text) => Float32Array.of(embeddings[text]), []);
    for await (const _ of pictures.morph(start, end, count, loop));
    return feeds;
  },
};

const { method, ...body } = JSON.parse(readFileSync(process.argv[2], "utf8"));
process.stdout.write(JSON.stringify(await METHODS[method](body)));
