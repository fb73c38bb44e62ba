// The API key of the server: asked for once, stored until the tab is closed.

import { byId } from "./elements.js";

const STORAGE_KEY = "key";
let asking; // concurrent requests that get a 401 share one dialog

/** The key that the user entered; "" without one. */
export const key = () => sessionStorage.getItem(STORAGE_KEY) ?? "";

/**
 * Ask for a key.
 *
 * @param {string} why the message of the server.
 * @returns {Promise<boolean>} was a key entered?
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
      const entered = dialog.returnValue === "use" && field.value !== "";
      if (entered) sessionStorage.setItem(STORAGE_KEY, field.value);
      field.value = "";
      resolve(entered);
    };
    dialog.addEventListener("close", closed, { once: true });
  });
}
