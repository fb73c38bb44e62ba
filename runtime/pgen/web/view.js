// Base class of the views with a form. The form is a view's state, and the URL hash holds its fields.

import { isAborted, notes } from "./backend.js";
import { byId, make } from "./elements.js";

/** "Surprise me" picks a seed below this: short enough to share. */
const RANDOM_SEEDS = 100_000;

/** A random seed. */
export const anySeed = () => Math.floor(Math.random() * RANDOM_SEEDS);

/** A random item of a list. */
export const anyOf = (list) => list[Math.floor(Math.random() * list.length)];

/** A view with a form, whose fields are in the URL hash: "#draw?prompt=Mew&seed=0&n=8". */
export class View {
  #work = new AbortController();

  /**
   * @param {string} name as in the hash.
   * @param {function(Object<string, string>, View): Promise<void>} draw shows the result for the form's fields.
   * @param {function(View): void} clear removes the result.
   */
  constructor(name, draw, clear) {
    Object.assign(this, { name, draw, clear, shown: null });
    this.panel = byId(`view-${name}`);
    this.form = this.panel.querySelector("form");
    this.status = this.panel.querySelector(".status");
    this.progress = this.panel.querySelector("progress");
    this.retry = this.panel.querySelector("[data-retry]");
    this.copy = this.panel.querySelector("[data-copy]");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go();
    });
    this.retry.addEventListener("click", () => {
      this.status.focus(); // the focused button is about to be hidden
      this.show(this.fields(), true);
    });
    this.copy.addEventListener("click", () => this.#copyLink());
  }

  /** Aborted when another result is requested. */
  get signal() {
    return this.#work.signal;
  }

  /** The options for functions of the backend; `onProgress` takes a text and, of a download, the share that is loaded. */
  get options() {
    const signal = this.signal;
    const onProgress = (text, share) => {
      if (signal.aborted) return;
      this.say(text);
      this.progress.hidden = share === undefined || share >= 1;
      this.progress.value = share ?? 0;
    };
    return { signal, onProgress };
  }

  /** Set the status, which screen readers announce. */
  say(text, isError = false) {
    if (this.status.textContent !== text) this.status.textContent = text; // or screen readers repeat it for each chunk
    this.status.classList.toggle("error", isError);
  }

  /** Get the notes on the names and sentences among `fields`: [name of the field, note] of those that have one. */
  async #notesOn(fields) {
    const names = Object.keys(fields).filter((name) => this.form.elements.namedItem(name).list);
    if (names.length === 0) return [];
    const advice = await notes(names.map((name) => fields[name]), { signal: this.signal });
    return names.map((name, index) => [name, advice[index]]).filter(([, note]) => note);
  }

  /** Add a note to the status; each suggested name becomes a link that uses it. */
  #advise(fields, name, note) {
    const [, before, names, after] = /^(did you mean )(.+)(\?)$/.exec(note) ?? [];
    const links = (names?.split(" or ") ?? []).flatMap((meant, number) => [
      number ? " or " : "",
      make("a", { href: this.address({ ...fields, [name]: meant }) }, meant),
    ]);
    this.status.append(` “${fields[name]}”: `, ...(names ? [before, ...links, after] : [note, "."]));
  }

  /** Scroll to the status and what follows it, if too little of that is visible, as below the form on phones. */
  #reveal() {
    const bar = this.status.closest(".bar");
    if (innerHeight - bar.getBoundingClientRect().bottom < innerHeight / 3) bar.scrollIntoView();
  }

  /** Update the form with `fields`, show the result, and add it to the history. */
  go(fields = {}) {
    this.fill({ ...this.fields(), ...fields });
    const address = this.address();
    if (location.hash === address) this.show(this.fields(), true);
    else location.hash = address; // hashchange then shows it
  }

  /** The URL hash of `fields`, by default the form's. */
  address(fields = this.fields()) {
    return `#${this.name}?${new URLSearchParams(fields)}`;
  }

  /** The form's fields without empty ones. */
  fields() {
    return Object.fromEntries([...new FormData(this.form)].filter(([, value]) => value !== ""));
  }

  /** Fill the form; missing fields get their default. */
  fill(fields) {
    this.form.reset();
    for (const [name, value] of Object.entries(fields)) {
      const field = this.form.elements.namedItem(name);
      if (field) field.value = value;
    }
  }

  /** Show the result for `fields`, unless it is shown already; clear the view without fields. */
  async show(fields, again = false) {
    const requested = JSON.stringify(fields);
    if (requested === this.shown && !again) return;
    this.stop();
    this.shown = requested;
    this.fill(fields);
    this.clear(this);
    const hasFields = Object.keys(fields).length > 0;
    this.copy.hidden = !hasFields;
    this.panel.querySelector(".empty").hidden = hasFields;
    this.say("");
    if (hasFields) await this.#draw(fields);
  }

  /** Abort running requests. */
  stop() {
    this.#work.abort();
    this.#work = new AbortController();
    this.progress.hidden = true;
    this.retry.hidden = true;
  }

  /** Validate `fields` by the form's own rules, because the hash may contain anything. */
  #check(fields) {
    for (const field of this.form.elements) {
      if (!field.name) continue; // a button
      const label = field.labels[0].textContent;
      const value = fields[field.name];
      if (value !== undefined && field.value !== value) throw new Error(`${label}: invalid value “${value}”.`);
      if (!field.validity.valid) throw new Error(`${label}: ${field.validationMessage}`);
    }
  }

  async #draw(fields) {
    const signal = this.signal;
    try {
      this.#check(fields);
      const current = this.fields();
      const drawing = this.draw(current, this);
      const noting = this.#notesOn(current).catch(() => []); // what is drawn counts
      this.#reveal();
      await drawing;
      document.dispatchEvent(new Event("loaded")); // see app.js
      if (signal.aborted) return;
      this.#reveal();
      const noted = await noting;
      if (!signal.aborted) for (const [name, note] of noted) this.#advise(current, name, note);
    } catch (error) {
      if (signal.aborted || isAborted(error)) return;
      this.stop();
      this.shown = null; // so that the same request can be repeated
      this.say(error.message, true);
      this.retry.hidden = !error.again;
    }
  }

  async #copyLink() {
    try {
      await navigator.clipboard.writeText(location.href);
      this.say("Link copied.");
    } catch {
      this.say("The browser does not allow copying; copy the address of this page instead.", true);
    }
  }
}
