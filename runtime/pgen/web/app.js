// Start: the views behind their tabs, and the address that tells which one is shown, and what.

import { aboutView } from "./about.js";
import { json } from "./api.js";
import { dexView } from "./dex.js";
import { drawView } from "./draw.js";
import { byId, make } from "./elements.js";
import { morphView, pause } from "./morph.js";

let known = [];
const names = () => known;
const views = [drawView(names), morphView(names), dexView(), aboutView()];
const tabs = views.map((view) => byId(`tab-${view.name}`));
const last = new Map(views.map((view) => [view, `#${view.name}`])); // where each was left
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

/** Arrows move between tabs, Enter and space choose one: WAI-ARIA's tabs with manual activation. */
function move(event) {
  const at = tabs.indexOf(event.target);
  const places = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 };
  if (!(event.key in places)) return;
  event.preventDefault();
  tabs.at(places[event.key] % tabs.length).focus();
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
  const tell = () => byId("theme").setAttribute("aria-pressed", isDark());
  system.addEventListener("change", tell);
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    tell();
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // storage is switched off: it holds until the page is left
    }
  });
  tell();
}

async function fetchNames() {
  try {
    ({ names: known } = await json("v1/names"));
    byId("names").append(...known.map((name) => make("option", { value: name })));
  } catch {
    // no suggestions then; drawing will tell what is wrong
  }
}

startTabs();
startTheme();
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address tells what is shown, so a plain jump would change it
  byId("main").focus();
});
addEventListener("hashchange", showAddress);
showAddress();
fetchNames();
