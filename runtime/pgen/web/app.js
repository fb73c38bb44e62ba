// Entry point: the tabs and their views. The URL hash holds the current view and its form fields.

import { aboutView } from "./about.js";
import * as backend from "./backend.js";
import { dexView } from "./dex.js";
import { drawView } from "./draw.js";
import { byId, make } from "./elements.js";
import { fuseView } from "./fuse.js";
import { morphView, pause } from "./morph.js";

let known = [];
const names = () => known;
const views = [drawView(names), morphView(names), fuseView(names), dexView(), aboutView()];
const tabs = views.map((view) => byId(`tab-${view.name}`));
const last = new Map(views.map((view) => [view, `#${view.name}`])); // the last hash of each view
let current;

function showAddress() {
  const [name, query = ""] = location.hash.slice(1).split(/\?(.*)/s);
  const view = views.find((one) => one.name === name) ?? views[0];
  last.set(view, location.hash || `#${view.name}`);
  select(view);
  view.show(Object.fromEntries(new URLSearchParams(query)));
}

function select(view) {
  if (view === current) return;
  pause();
  current = view;
  views.forEach((one, index) => {
    const chosen = one === view;
    one.panel.hidden = !chosen;
    tabs[index].setAttribute("aria-selected", chosen);
    tabs[index].tabIndex = chosen ? 0 : -1;
  });
  document.title = `${tabs[views.indexOf(view)].textContent} · PokéGAN`;
}

/** Arrow keys move the focus, Enter and space select: the WAI-ARIA tabs pattern with manual activation. */
function move(event) {
  const at = tabs.indexOf(event.target);
  const targets = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 };
  if (!(event.key in targets)) return;
  event.preventDefault();
  tabs.at(targets[event.key] % tabs.length).focus();
}

function startTabs() {
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => (location.hash = last.get(views[index])));
    tab.addEventListener("keydown", move);
  });
}

function startTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const update = () => byId("theme").setAttribute("aria-pressed", isDark());
  system.addEventListener("change", update);
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    update();
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // storage is disabled: the choice lasts until the page is closed
    }
  });
  update();
}

async function fetchNames() {
  known = await backend.names();
  byId("names").append(...known.map((name) => make("option", { value: name })));
}

/** What is loaded beside the views: suggestions, and what the backend prepares. */
const missing = [fetchNames, () => backend.start((...parts) => byId("runs").replaceChildren(...parts))];

/** Load it. What fails is tried again after the next success of a view, which also reports errors. */
function loadMissing() {
  for (const load of missing.splice(0)) load().catch(() => missing.push(load));
}

startTabs();
startTheme();
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // following the link would change the hash, which holds the view
  byId("main").focus();
});
addEventListener("hashchange", showAddress);
showAddress();
loadMissing();
document.addEventListener("loaded", loadMissing);
document.documentElement.dataset.started = ""; // see theme.js
