// Model card and figures: whatever the server tells of itself, as tables.

import { isAborted, json } from "./api.js";
import { byId, make, title } from "./elements.js";

/** Set the view up. */
export function aboutView() {
  const panel = byId("view-about");
  return { name: "about", panel, stop() {}, show: () => show(panel.querySelector(".status")), address: () => "#about" };
}

async function show(status) {
  if (byId("about").hasChildNodes()) return;
  status.textContent = "Asking the server…";
  try {
    const told = await json("v1/about");
    byId("about").replaceChildren(...sections(told));
    status.textContent = "";
  } catch (error) {
    if (!isAborted(error)) status.textContent = error.message;
  }
  status.classList.toggle("error", status.textContent !== "");
}

/** What the server tells plainly, a card for each of its networks, and a section for anything else. */
function sections({ models = {}, ...told }) {
  const [plain, deep] = divided(told);
  return [
    section("This server", shown(Object.fromEntries(plain))),
    ...Object.entries(models).map(([name, model]) => section(name, modelCard(model))),
    ...deep.map(([name, part]) => section(title(name), shown(part))),
  ];
}

const section = (heading, ...parts) => make("section", { class: "panel" }, make("h2", {}, heading), parts);

/** How good a network is stands open, how it was made lies folded. */
function modelCard({ parity, provenance = {}, ...facts }) {
  const { evaluation, ...made } = provenance;
  const judged = Object.keys(evaluation ?? {}).length > 0;
  return [
    shown(facts),
    folded("Quality", judged ? evaluation : "No figures came with this network.", { open: true }),
    folded("Parity with PyTorch", parity ?? "Not told.", { open: true }),
    shown(made),
  ];
}

const folded = (heading, value, more = {}) => make("details", more, make("summary", {}, heading), shown(value));

/** Show a value: what is plain as pairs, what lies deeper folded below them. */
function shown(value) {
  if (!isDeep(value)) return make("p", {}, written(value));
  const [plain, deep] = divided(value);
  const pairs = plain.map(([name, part]) => [make("dt", {}, title(name)), make("dd", {}, written(part))]);
  const below = deep.filter(([, part]) => Object.keys(part).length > 0);
  return make("div", {}, pairs.length ? make("dl", {}, pairs.flat()) : [], below.map(([name, part]) => folded(title(name), part)));
}

function divided(value) {
  const entries = Object.entries(value);
  return [entries.filter(([, part]) => !isDeep(part)), entries.filter(([, part]) => isDeep(part))];
}

/** Has it parts that do not fit a line? */
function isDeep(value) {
  if (value === null || typeof value !== "object" || isFigure(value)) return false;
  return Array.isArray(value) ? value.some((item) => item !== null && typeof item === "object") : true;
}

/** A figure of parity, with the limit that it must keep. */
const isFigure = (value) => "measured" in value && Object.keys(value).every((key) => ["measured", "limit"].includes(key));

function written(value) {
  if (value === null) return "not told";
  if (Array.isArray(value)) return value.map(written).join(", ");
  if (typeof value === "object") return [written(value.measured), `limit ${written(value.limit)}`].join("; ");
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(4)));
  return { true: "yes", false: "no" }[value] ?? String(value);
}
