// Fusions of two parents.

import { fusions } from "./backend.js";
import { byId, make } from "./elements.js";
import { downloadLink, plain } from "./pictures.js";
import { anyOf, anySeed, View } from "./view.js";

const COUNT = 8; // pictures in the strip

/** Set the view up; `names` returns the known names. */
export function fuseView(names) {
  const view = new View("fuse", draw, () => byId("fusions").replaceChildren());
  view.panel.querySelector("[data-swap]").addEventListener("click", () => {
    const { first = "", second = "" } = view.fields();
    view.go({ first: second, second: first });
  });
  view.panel.querySelector("[data-surprise]").addEventListener("click", () => {
    const first = anyOf(names());
    const second = anyOf(names().filter((name) => name !== first));
    if (second) view.go({ first, second, seed: anySeed() });
    else view.say("The known names are not loaded yet.", true);
  });
  return view;
}

async function draw({ first, second, colors, seed, shiny }, view) {
  const signal = view.signal;
  const body = { parents: [first, second], n: COUNT, seed: Number(seed), shiny: Boolean(shiny), ...(colors && { colors }) };
  view.say("Fusing…");
  const drawn = await fusions(body, view.options);
  if (signal.aborted) return;
  byId("fusions").replaceChildren(...drawn.map((fusion) => tile(fusion, first, second)));
  view.say(`${drawn.length} fusions of “${first}” and “${second}”.`);
}

function tile(fusion, first, second) {
  const { name, seed, picture } = fusion;
  const alt = `Generated fusion of “${first}” and “${second}”, seed ${seed}`;
  const caption = make(
    "figcaption",
    {},
    make("span", { class: "prompt" }, name),
    make("span", { class: "seed" }, `seed ${seed}`),
    downloadLink(["Download ", make("span", { class: "hidden" }, name)], picture, `${plain(name)}_${seed}.png`),
  );
  const image = make("img", { class: "ground", src: picture, alt });
  return make("li", { class: "tile" }, make("figure", {}, image, caption));
}
