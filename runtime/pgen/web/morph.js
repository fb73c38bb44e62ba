// Animations between two prompts, with a slider.

import { FILM, film, frames as drawFrames, picture } from "./backend.js";
import { byId, make } from "./elements.js";
import { plain, save } from "./pictures.js";
import { anyOf, anySeed, View } from "./view.js";

const FRAME_MS = 80; // milliseconds per frame

let frames = []; // decoded images, so that the slider never waits
let parameters = {};
let timer;

/** Set the view up; `names` returns the known names. */
export function morphView(names) {
  const view = new View("morph", draw, clear);
  view.panel.querySelector("[data-surprise]").addEventListener("click", () => {
    const start = anyOf(names());
    const end = anyOf(names().filter((name) => name !== start));
    if (end) view.go({ start, end, seed: anySeed() });
    else view.say("The known names are not loaded yet.", true);
  });
  byId("at").addEventListener("input", () => {
    pause();
    showFrame(byId("at").valueAsNumber);
  });
  byId("play").addEventListener("click", () => (timer ? pause() : play()));
  byId("gif").textContent = `Download ${FILM.label}`;
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
  parameters = { start, end, seed: Number(seed), frames: Number(count) };
  view.say(`Drawing ${count} frames…`);
  const whole = drawFrames(parameters, view.options);
  try {
    await Promise.all([showStart(start, seed, view), whole]); // the first picture arrives before the animation
    const loaded = await Promise.all((await whole).map(decoded));
    if (signal.aborted) return;
    frames = loaded;
  } catch (error) {
    if (!signal.aborted) clear(); // a single picture would look like an animation that does not play
    throw error;
  }
  open();
  view.say(`${frames.length} frames from “${start}” to “${end}”.`);
}

/** Show the first frame while the animation is generated: it is the picture of its prompt. */
async function showStart(prompt, seed, view) {
  const signal = view.signal;
  const address = URL.createObjectURL(await picture(prompt, seed, view.options));
  if (signal.aborted || frames.length) return URL.revokeObjectURL(address);
  const frame = byId("frame");
  frame.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
  frame.src = address;
  frame.alt = `Generated picture of “${prompt}”, seed ${seed}`;
  byId("film").hidden = false;
}

async function decoded(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

function open() {
  byId("ends").replaceChildren(endOf(frames[0], parameters.start), endOf(frames.at(-1), parameters.end));
  byId("at").max = frames.length - 1;
  byId("at").value = 0;
  showFrame(0);
  byId("film").hidden = false;
  for (const id of ["at", "play", "gif"]) byId(id).disabled = false;
}

const endOf = (image, prompt) => make("div", {}, make("img", { class: "ground", src: image.src, alt: "" }), prompt);

function showFrame(index) {
  const share = Math.round((100 * index) / (frames.length - 1));
  const position = `${share} % of the way from ${parameters.start} to ${parameters.end}`;
  byId("frame").src = frames[index].src;
  byId("frame").alt = `Generated picture, ${position}, seed ${parameters.seed}`;
  byId("at").setAttribute("aria-valuetext", `Frame ${index + 1} of ${frames.length}, ${position}`);
}

/** Play forward and backward until paused. */
function play() {
  const at = byId("at");
  let direction = at.valueAsNumber === frames.length - 1 ? -1 : 1;
  byId("play").textContent = "Pause";
  timer = setInterval(() => {
    const next = at.valueAsNumber + direction;
    if (next <= 0 || next >= frames.length - 1) direction = -Math.sign(next - 0.5);
    at.value = next;
    showFrame(at.valueAsNumber);
  }, FRAME_MS);
}

/** Stop playing. */
export function pause() {
  clearInterval(timer);
  timer = undefined;
  byId("play").textContent = "Play";
}

/** Download the animation, which loops. */
async function saveFilm(view) {
  const { start, end, seed } = parameters;
  byId("gif").disabled = true;
  view.say(`Making the ${FILM.label}…`);
  try {
    const file = `${plain(start)}-to-${plain(end)}_${seed}.${FILM.extension}`;
    save(await film(parameters, view.options), file);
    view.say(`The ${FILM.label} is downloaded.`);
  } catch (error) {
    if (error.name !== "AbortError") view.say(error.message, true);
  } finally {
    byId("gif").disabled = frames.length === 0;
  }
}
