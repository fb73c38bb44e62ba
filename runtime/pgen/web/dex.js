// New Pokémon.

import { pokemon } from "./backend.js";
import { byId, make, title } from "./elements.js";
import { downloadLink, plain } from "./pictures.js";
import { anySeed, View } from "./view.js";

const TYPES =
  "normal fire water grass electric ice fighting poison ground flying psychic bug rock ghost dragon dark steel fairy";
const SHORT = { special_attack: "Sp. Atk", special_defense: "Sp. Def" };
const FULL = 160; // the stat at which a bar is full, as on the cards

/** Set the view up. */
export function dexView() {
  byId("type").append(...TYPES.split(" ").map((name) => make("option", { value: name }, name)));
  const view = new View("new", draw, () => byId("cards").replaceChildren());
  view.panel.querySelector("[data-surprise]").addEventListener("click", () => view.go({ seed: anySeed() }));
  return view;
}

async function draw({ seed, n, type, rarity, total, family, shiny }, view) {
  const signal = view.signal;
  const numbers = { total: total && Number(total), family: family && Number(family) };
  const conditions = { type, rarity, ...numbers, shiny: Boolean(shiny) };
  const made = (first, count) => pokemon({ ...conditions, seed: Number(seed) + first, n: count }, view.options);
  const names = [];
  const show = (entries) => {
    if (signal.aborted) return;
    byId("cards").append(...entries.map(card));
    names.push(...entries.map((entry) => entry.name));
  };
  view.say("Generating…");
  show(await made(0, 1)); // alone, so that it appears first
  if (n > 1) show(await made(1, n - 1));
  if (!signal.aborted) view.say(`Here ${names.length === 1 ? "is" : "are"} ${names.join(", ")}.`);
}

function card(entry) {
  const kinds = entry.types.join(" and ");
  const picture = make("img", {
    class: "portrait",
    src: entry.picture,
    alt: `Generated picture of ${entry.name}, a new ${kinds} Pokémon`,
  });
  const files = `${plain(entry.name)}_${entry.seed}`;
  return make(
    "article",
    { class: `panel card type-${plain(entry.types[0])}` },
    make("div", { class: "window" }, picture),
    make(
      "div",
      { class: "facts" },
      make("h2", {}, entry.name),
      make("p", { class: "genus" }, entry.genus ?? ""),
      badges(entry),
      make("p", { class: "description" }, entry.description),
      stats(entry),
      make(
        "p",
        { class: "buttons" },
        downloadLink("Download card", entry.card, `${files}_card.png`),
        downloadLink("Download picture", entry.picture, `${files}.png`),
        entry.sheet ? downloadLink("Download sheet of the line", entry.sheet, `family_${files}.png`) : [],
        make("span", { class: "small" }, `seed ${entry.seed}`),
      ),
    ),
  );
}

function badges({ types, rarity }) {
  const badge = (word, kind) => make("li", { class: `badge ${kind}` }, title(word));
  const special = rarity === "ordinary" ? [] : [badge(rarity, "rare")];
  return make("ul", { class: "badges", "aria-label": "Types" }, types.map((word) => badge(word, `type-${plain(word)}`)), special);
}

/** The six stats as a table; the bars are hidden from screen readers. */
function stats({ name, stats: numbers, total }) {
  const row = (label, value, bar) =>
    make("tr", {}, make("th", { scope: "row" }, label), make("td", { class: "number" }, value), bar);
  const rows = Object.entries(numbers).map(([stat, value]) => row(SHORT[stat] ?? title(stat), value, barOf(value)));
  return make(
    "table",
    { class: "stats" },
    make("caption", { class: "hidden" }, `Base stats of ${name}`),
    make("tbody", {}, rows),
    make("tfoot", {}, row("Total", total, make("td"))),
  );
}

function barOf(value) {
  const fill = make("span", { class: "fill" });
  fill.style.setProperty("--share", Math.min(value / FULL, 1));
  return make("td", { class: "track", "aria-hidden": "true" }, make("span", { class: "rail" }, fill));
}
