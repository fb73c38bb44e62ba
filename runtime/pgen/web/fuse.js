// Fusions of two parents.

import { json } from "./api.js";
import { byId, make } from "./elements.js";
import { downloadLink, plain, unpacked } from "./pictures.js";
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

async function draw({ first, second, colors, seed }, view) {
  const signal = view.signal;
  const body = { parents: [first, second], n: COUNT, seed: Number(seed), ...(colors && { colors }) };
  view.say("Fusing…");
  const { data } = await json("v1/fuse", { ...view.options, body });
  if (signal.aborted) return;
  byId("fusions").replaceChildren(...data.map((fusion) => tile(fusion, first, second)));
  view.say(`${data.length} fusions of “${first}” and “${second}”.`);
}

function tile(fusion, first, second) {
  const { name, seed } = fusion;
  const alt = `Generated fusion of “${first}” and “${second}”, seed ${seed}`;
  const caption = make(
    "figcaption",
    {},
    make("span", { class: "prompt" }, name),
    make("span", { class: "seed" }, `seed ${seed}`),
    downloadLink(["Download ", make("span", { class: "hidden" }, name)], unpacked(fusion), `${plain(name)}_${seed}.png`),
  );
  const image = make("img", { class: "ground", src: unpacked(fusion), alt });
  return make("li", { class: "tile" }, make("figure", {}, image, caption));
}
