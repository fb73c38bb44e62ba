// Pictures of one prompt.

import { picture, sprite, SPRITES } from "./backend.js";
import { button, byId, hidden, make } from "./elements.js";
import { downloadLink, plain, save } from "./pictures.js";
import { anyOf, anySeed, View } from "./view.js";

const AT_ONCE = 4; // a server batches concurrent requests
const VARIATIONS = 8; // of a single picture, as in `pgen variations`

/** Set the view up; `names` returns the known names. */
export function drawView(names) {
  const view = new View("draw", draw, clear);
  const go = (fields) => view.go(fields);
  for (const chip of view.panel.querySelectorAll("[data-prompt]")) {
    chip.addEventListener("click", () => go({ prompt: chip.dataset.prompt }));
  }
  view.panel.querySelector("[data-surprise]").addEventListener("click", () => {
    go({ prompt: anyOf([...names(), ...examples(view)]), seed: anySeed() });
  });
  const checkered = byId("checkered");
  checkered.addEventListener("change", () => view.panel.classList.toggle("even", !checkered.checked));
  return view;
}

const examples = (view) => [...view.panel.querySelectorAll("[data-prompt]")].map((chip) => chip.dataset.prompt);

function clear(view) {
  const gallery = byId("gallery");
  if (gallery.contains(document.activeElement)) view.status.focus(); // the focused button is about to be removed
  for (const image of gallery.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  gallery.replaceChildren();
  byId("draw-title").hidden = true;
}

async function draw({ prompt, seed, n, shiny, colors }, view) {
  const look = { ...(shiny && { shiny }), ...(colors && { colors }) };
  const began = performance.now();
  const seeds = Array.from({ length: Number(n) }, (_, index) => Number(seed) + index);
  const tiles = seeds.map(() => make("li", { class: "tile waiting" }, make("div", { class: "ground" })));
  showTitle(prompt, seeds);
  byId("gallery").classList.toggle("alone", seeds.length === 1);
  byId("gallery").replaceChildren(...tiles);
  view.say("Drawing…");

  let done = 0;
  const one = async (index) => {
    const signal = view.signal;
    const image = await pictureOf(prompt, seeds[index], view.options, look);
    if (signal.aborted) return URL.revokeObjectURL(image.src);
    fill(tiles[index], image, { prompt, seed: seeds[index], last: seeds.at(-1), n, look }, view);
    done += 1;
    if (done < seeds.length) view.say(`${done} of ${seeds.length} drawn…`);
  };
  try {
    await one(0); // alone, so that it appears first
    const first = performance.now() - began;
    await inTurn(seeds.length - 1, (index) => one(index + 1));
    view.say(`${counted(done)} of “${prompt}”; the first after ${(first / 1000).toFixed(2)} s.`);
  } finally {
    for (const tile of tiles) if (tile.classList.contains("waiting")) tile.remove();
  }
}

const counted = (count) => (count === 1 ? "1 picture" : `${count} pictures`);

function showTitle(prompt, seeds) {
  const title = byId("draw-title");
  const range = seeds.length === 1 ? `seed ${seeds[0]}` : `seeds ${seeds[0]} to ${seeds.at(-1)}`;
  title.replaceChildren(make("span", { class: "prompt" }, prompt), " ", make("small", {}, range));
  title.hidden = false;
}

/** Run `count` tasks, AT_ONCE at a time; the first error stops them. */
async function inTurn(count, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker));
}

async function pictureOf(prompt, seed, options, look) {
  const image = make("img", { class: "ground", alt: `Generated picture of “${prompt}”, seed ${seed}` });
  image.src = URL.createObjectURL(await picture(prompt, seed, options, look));
  await image.decode();
  return image;
}

/** Download the files of a sprite, usual and shiny. */
async function saveSprite(prompt, seed, { colors }, view) {
  view.say("Making the sprite…");
  try {
    save(await sprite({ prompt, seed, ...(colors && { colors }) }, view.options), `${plain(prompt)}_${seed}.zip`);
    view.say("The sprite is downloaded.");
  } catch (error) {
    if (error.name !== "AbortError") view.say(error.message, true);
  }
}

/** Parts of a file name, as the command line orders them. */
const lookParts = ({ shiny, colors }) => [...(shiny ? ["shiny"] : []), ...(colors ? [`in-${plain(colors)}`] : [])];

function fill(tile, image, { prompt, seed, last, n, look }, view) {
  const labeled = (text) => [text, " ", hidden(`seed ${seed}`)]; // screen readers would otherwise list identical buttons
  const more = () => view.go({ prompt, seed: last + 1, n: Number(n) === 1 ? VARIATIONS : n });
  const alone = { class: "seed", href: view.address({ prompt, seed, n: 1, ...look }), title: "This picture alone" };
  const caption = make(
    "figcaption",
    {},
    make("span", { class: "prompt" }, prompt),
    make("a", alone, `seed ${seed} `, hidden("this picture alone")),
    downloadLink(labeled("Download"), image.src, `${[plain(prompt), seed, ...lookParts(look)].join("_")}.png`),
    button(labeled("More like this"), more),
    SPRITES ? button(labeled("Sprite"), () => saveSprite(prompt, seed, look, view)) : [],
  );
  tile.replaceChildren(make("figure", {}, image, caption));
  tile.classList.remove("waiting");
}
