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

/** One section of what is told plainly, and one for each thing that has parts. */
function sections(told) {
  const [plain, deep] = divided(told);
  const section = (heading, value) => make("section", { class: "panel" }, make("h2", {}, heading), shown(value));
  return [section("This server", Object.fromEntries(plain)), ...deep.map(([name, part]) => section(title(name), part))];
}

/** Show a value: what is plain as pairs, what lies deeper folded below them. */
function shown(value) {
  if (!isDeep(value)) return make("p", {}, written(value));
  const [plain, deep] = divided(value);
  const pairs = plain.map(([name, part]) => [make("dt", {}, title(name)), make("dd", {}, written(part))]);
  const folded = deep.map(([name, part]) => make("details", {}, make("summary", {}, title(name)), shown(part)));
  return make("div", {}, pairs.length ? make("dl", {}, pairs.flat()) : [], folded);
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
