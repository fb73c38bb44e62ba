// Not a module, so that it runs before the first paint and a dark page does not flash white.
"use strict";
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
} catch {
  // storage is disabled: use the system's theme
}
// Modules that are missing or broken cannot say so themselves; app.js marks the page as started.
addEventListener("load", () => {
  const broken = document.getElementById("broken");
  broken.hidden = "started" in document.documentElement.dataset;
  broken.querySelector("a").addEventListener("click", async (event) => {
    event.preventDefault();
    // The browser's cache may hold a damaged script, and be allowed to use it for a year.
    const loaded = performance.getEntriesByType("resource").map(({ name }) => fetch(name, { cache: "reload" }));
    await Promise.allSettled(loaded);
    location.reload();
  });
});
