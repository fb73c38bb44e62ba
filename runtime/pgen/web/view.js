// What the views that draw have in common. A view's form is its state, and the address tells the form.

import { isAborted } from "./api.js";
import { byId } from "./elements.js";

/** Seeds that "Surprise me" picks from: short enough to tell somebody. */
const SURPRISES = 100_000;

/** A seed at random. */
export const anySeed = () => Math.floor(Math.random() * SURPRISES);

/** One of a list at random. */
export const anyOf = (list) => list[Math.floor(Math.random() * list.length)];

/** A view with a form, whose fields stand in the address: "#draw?prompt=Mew&seed=0&n=8". */
export class View {
  #work = new AbortController();

  /**
   * @param {string} name as in the address.
   * @param {function(Object<string, string>, View): Promise<void>} draw shows what the form's fields ask for.
   * @param {function(View): void} clear takes away what is shown.
   */
  constructor(name, draw, clear) {
    Object.assign(this, { name, draw, clear, shown: null });
    this.panel = byId(`view-${name}`);
    this.form = this.panel.querySelector("form");
    this.status = this.panel.querySelector(".status");
    this.copy = this.panel.querySelector("[data-copy]");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go();
    });
    this.copy.addEventListener("click", () => this.#copyLink());
  }

  /** Aborted when something else is to be shown. */
  get signal() {
    return this.#work.signal;
  }

  /** What `request` takes from a view. */
  get options() {
    return { signal: this.signal, tell: (text) => this.say(text) };
  }

  /** Tell, on the page and to screen readers. */
  say(text, isError = false) {
    this.status.textContent = text;
    this.status.classList.toggle("error", isError);
  }

  /** Show what the form asks for, changed by `fields`; it becomes an entry of the history. */
  go(fields = {}) {
    this.fill({ ...this.fields(), ...fields });
    const address = this.address();
    if (location.hash === address) this.show(this.fields(), true);
    else location.hash = address; // and the event of that shows it
  }

  /** The address of `fields`, the form's without. */
  address(fields = this.fields()) {
    return `#${this.name}?${new URLSearchParams(fields)}`;
  }

  /** What the form asks for; fields left empty are left out. */
  fields() {
    return Object.fromEntries([...new FormData(this.form)].filter(([, value]) => value !== ""));
  }

  /** Fill the form; fields that `fields` lacks take their usual value. */
  fill(fields) {
    this.form.reset();
    for (const [name, value] of Object.entries(fields)) {
      const field = this.form.elements.namedItem(name);
      if (field) field.value = value;
    }
  }

  /** Show `fields`, unless they are shown already; nothing without any. */
  async show(fields, again = false) {
    const wanted = JSON.stringify(fields);
    if (wanted === this.shown && !again) return;
    this.stop();
    this.shown = wanted;
    this.fill(fields);
    this.clear(this);
    const asked = Object.keys(fields).length > 0;
    this.copy.hidden = !asked;
    this.panel.querySelector(".empty").hidden = asked;
    this.say("");
    if (asked) await this.#draw(fields);
  }

  /** Give up what is being fetched. */
  stop() {
    this.#work.abort();
    this.#work = new AbortController();
  }

  /** Tell what the form does not take, by the form's own rules; an address may hold anything. */
  #check(fields) {
    for (const field of this.form.elements) {
      if (!field.name) continue; // a button
      const label = field.labels[0].textContent;
      const given = fields[field.name];
      if (given !== undefined && field.value !== given) throw new Error(`${label}: “${given}” cannot be chosen.`);
      if (!field.validity.valid) throw new Error(`${label}: ${field.validationMessage}`);
    }
  }

  async #draw(fields) {
    const signal = this.signal;
    try {
      this.#check(fields);
      await this.draw(this.fields(), this);
    } catch (error) {
      if (signal.aborted || isAborted(error)) return;
      this.stop();
      this.shown = null; // so that going there again tries again
      this.say(error.message, true);
    }
  }

  async #copyLink() {
    try {
      await navigator.clipboard.writeText(location.href);
      this.say("Link copied: it shows the same again.");
    } catch {
      this.say("This browser does not let the page copy. The address above is the link.", true);
    }
  }
}
