// The server's key, where it wants one: asked for once, kept until the tab is closed.

import { byId } from "./elements.js";

const PLACE = "key";
let asking; // requests that meet a 401 at the same time share one question

/** The key that the user gave; "" without. */
export const key = () => sessionStorage.getItem(PLACE) ?? "";

/**
 * Ask for a key.
 *
 * @param {string} why what the server said.
 * @returns {Promise<boolean>} was one given?
 */
export function askForKey(why) {
  asking ??= ask(why).finally(() => (asking = undefined));
  return asking;
}

function ask(why) {
  const dialog = byId("key");
  const field = byId("key-field");
  byId("key-why").textContent = why;
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    const closed = () => {
      const given = dialog.returnValue === "use" && field.value !== "";
      if (given) sessionStorage.setItem(PLACE, field.value);
      field.value = "";
      resolve(given);
    };
    dialog.addEventListener("close", closed, { once: true });
  });
}
