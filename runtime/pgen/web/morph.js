// The way from one prompt to another, under a slider.

import { json, request } from "./api.js";
import { byId, make } from "./elements.js";
import { download, fetchPicture, plain, unpacked } from "./pictures.js";
import { anyOf, anySeed, View } from "./view.js";

const STEP = 80; // milliseconds a frame while it plays

let frames = []; // images, kept decoded, so that the slider never waits
let asked = {};
let timer;

/** Set the view up; `names` gives the known ones. */
export function morphView(names) {
  const view = new View("morph", draw, clear);
  view.panel.querySelector("[data-surprise]").addEventListener("click", () => {
    const start = anyOf(names());
    const end = anyOf(names().filter((name) => name !== start));
    if (end) view.go({ start, end, seed: anySeed() });
    else view.say("The known names have not come yet.", true);
  });
  byId("at").addEventListener("input", () => {
    pause();
    showFrame(byId("at").valueAsNumber);
  });
  byId("play").addEventListener("click", () => (timer ? pause() : play()));
  byId("gif").addEventListener("click", () => saveFilm(view));
  return view;
}

function clear() {
  pause();
  frames = [];
  byId("ends").replaceChildren();
  byId("film").hidden = true;
  for (const id of ["at", "play", "gif"]) byId(id).disabled = true;
}

async function draw({ start, end, seed, frames: count }, view) {
  const signal = view.signal;
  asked = { start, end, seed: Number(seed), frames: Number(count) };
  view.say(`Drawing ${count} frames…`);
  const whole = json("v1/morph", { ...view.options, body: { ...asked, loop: false, format: "frames" } });
  try {
    await Promise.all([showStart(start, seed, view), whole]); // one picture comes sooner than all
    const loaded = await Promise.all((await whole).data.map(decoded));
    if (signal.aborted) return;
    frames = loaded;
  } catch (error) {
    if (!signal.aborted) clear(); // the first picture alone would look like a film that does not move
    throw error;
  }
  open();
  view.say(`${frames.length} frames from “${start}” to “${end}”.`);
}

/** Show the first frame, which is the picture of its prompt, while the others are drawn. */
async function showStart(prompt, seed, view) {
  const signal = view.signal;
  const address = await fetchPicture(prompt, seed, view.options);
  if (signal.aborted || frames.length) return URL.revokeObjectURL(address);
  const frame = byId("frame");
  frame.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
  frame.src = address;
  frame.alt = `Generated picture of “${prompt}”, seed ${seed}`;
  byId("film").hidden = false;
}

async function decoded(picture) {
  const image = new Image();
  image.src = unpacked(picture);
  await image.decode();
  return image;
}

function open() {
  byId("ends").replaceChildren(endOf(frames[0], asked.start), endOf(frames.at(-1), asked.end));
  byId("at").max = frames.length - 1;
  byId("at").value = 0;
  showFrame(0);
  byId("film").hidden = false;
  for (const id of ["at", "play", "gif"]) byId(id).disabled = false;
}

const endOf = (image, prompt) => make("div", {}, make("img", { class: "ground", src: image.src, alt: "" }), prompt);

function showFrame(index) {
  const share = Math.round((100 * index) / (frames.length - 1));
  const told = `${share} % of the way from ${asked.start} to ${asked.end}`;
  byId("frame").src = frames[index].src;
  byId("frame").alt = `Generated picture, ${told}, seed ${asked.seed}`;
  byId("at").setAttribute("aria-valuetext", `Frame ${index + 1} of ${frames.length}, ${told}`);
}

/** Play there and back until it is paused. */
function play() {
  const at = byId("at");
  let direction = at.valueAsNumber === frames.length - 1 ? -1 : 1;
  byId("play").textContent = "Pause";
  timer = setInterval(() => {
    const next = at.valueAsNumber + direction;
    if (next <= 0 || next >= frames.length - 1) direction = -Math.sign(next - 0.5);
    at.value = next;
    showFrame(at.valueAsNumber);
  }, STEP);
}

/** Stop playing. */
export function pause() {
  clearInterval(timer);
  timer = undefined;
  byId("play").textContent = "Play";
}

/** Download the film, there and back, so that it runs without end. */
async function saveFilm(view) {
  const { start, end, seed } = asked;
  byId("gif").disabled = true;
  view.say("Making the GIF…");
  try {
    const response = await request("v1/morph", { ...view.options, body: { ...asked, loop: true, format: "gif" } });
    const address = URL.createObjectURL(await response.blob());
    download(address, `${plain(start)}-to-${plain(end)}_${seed}.gif`);
    setTimeout(() => URL.revokeObjectURL(address), 60_000); // a download may ask first where to save
    view.say("The GIF is downloaded.");
  } catch (error) {
    if (error.name !== "AbortError") view.say(error.message, true);
  } finally {
    byId("gif").disabled = frames.length === 0;
  }
}
