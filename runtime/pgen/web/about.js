// Model cards as tables.

import { about, isAborted, PLACE } from "./backend.js";
import { byId, make, title } from "./elements.js";

/** Set the view up. */
export function aboutView() {
  const panel = byId("view-about");
  const status = panel.querySelector(".status");
  const retry = panel.querySelector("[data-retry]");
  const show = async () => {
    if (byId("about").hasChildNodes()) return;
    say("Loading…");
    try {
      byId("about").replaceChildren(...sections(await about()));
      say("");
      document.dispatchEvent(new Event("loaded")); // see app.js
    } catch (error) {
      if (!isAborted(error)) say(error.message, error);
    }
  };
  const say = (text, error) => {
    status.textContent = text;
    status.classList.toggle("error", Boolean(error));
    retry.hidden = !error?.again;
  };
  retry.addEventListener("click", () => {
    status.focus(); // the focused button is about to be hidden
    show();
  });
  return { name: "about", panel, stop() {}, show, address: () => "#about" };
}

/** Scalar values first, then a card for each network, then a section for every other object. */
function sections({ models = {}, ...server }) {
  const [scalars, nested] = divided(server);
  return [
    section(PLACE, shown(Object.fromEntries(scalars))),
    ...Object.entries(models).map(([name, model]) => section(name, modelCard(model))),
    ...nested.map(([name, part]) => section(title(name), shown(part))),
  ];
}

const section = (heading, ...parts) => make("section", { class: "panel" }, make("h2", {}, heading), parts);

/** Quality and parity are open, provenance is collapsed. */
function modelCard({ parity, provenance = {}, ...properties }) {
  const { evaluation, ...training } = provenance;
  const evaluated = Object.keys(evaluation ?? {}).length > 0;
  return [
    shown(properties),
    folded("Quality", evaluated ? evaluation : "This network was not evaluated.", { open: true }),
    folded("Parity with PyTorch", parity ?? "Not recorded.", { open: true }),
    shown(training),
  ];
}

const folded = (heading, value, more = {}) => make("details", more, make("summary", {}, heading), shown(value));

/** Show a value: scalars as pairs, objects collapsed below them. */
function shown(value) {
  if (!isNested(value)) return make("p", {}, formatted(value));
  const [scalars, nested] = divided(value);
  const pairs = scalars.map(([name, part]) => [make("dt", {}, title(name)), make("dd", {}, formatted(part))]);
  const below = nested.filter(([, part]) => Object.keys(part).length > 0);
  return make("div", {}, pairs.length ? make("dl", {}, pairs.flat()) : [], below.map(([name, part]) => folded(title(name), part)));
}

function divided(value) {
  const entries = Object.entries(value);
  return [entries.filter(([, part]) => !isNested(part)), entries.filter(([, part]) => isNested(part))];
}

/** Does the value need more than one line? */
function isNested(value) {
  if (value === null || typeof value !== "object" || isMeasurement(value)) return false;
  return Array.isArray(value) ? value.some((item) => item !== null && typeof item === "object") : true;
}

/** A parity measurement with its limit. */
const isMeasurement = (value) => "measured" in value && Object.keys(value).every((key) => ["measured", "limit"].includes(key));

function formatted(value) {
  if (value === null) return "not recorded";
  if (Array.isArray(value)) return value.map(formatted).join(", ");
  if (typeof value === "object") return [formatted(value.measured), `limit ${formatted(value.limit)}`].join("; ");
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(4)));
  return { true: "yes", false: "no" }[value] ?? String(value);
}
