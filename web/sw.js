// The service worker: the page works offline after the first visit, and a new version replaces the old one whole or not
// at all. pgexport puts the release in the place of the name in the next line.
const RELEASE = "release";

const SCOPE = self.registration.scope; // other folders of the same origin may hold such a page, too
const CACHE = `pokegan ${SCOPE} ${RELEASE.page}`;
const FILES = "pokegan-files"; // shared with the engine; names of files contain their digests
const SHELL = ["./", ...Object.keys(RELEASE.shell)];

// On hosts that send no headers, too: cross-origin isolation, without which there are no threads, and the page's policy,
// which browsers apply to the worker by its own header alone.
const HEADERS = { ...RELEASE.headers, "Cross-Origin-Resource-Policy": "same-origin" };

const address = (path) => new URL(path, SCOPE).href;

/** Addresses of this page's own files, of any version; other pages may lie below its folder. */
const isOwn = (url) =>
  url.startsWith(SCOPE) && /^(|index\.html|app\.webmanifest|files\/.*|page\.[0-9a-f]{12}\/.*)$/.test(url.slice(SCOPE.length));

async function digest(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Fetch a file of this release; rejects unless it is whole and the right one. */
async function fetched(path, sha256) {
  const response = await fetch(address(path), { cache: "no-store" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  const bytes = await response.arrayBuffer();
  const isRight = sha256 ? (await digest(bytes)) === sha256 : new TextDecoder().decode(bytes).includes(RELEASE.page);
  if (!isRight) throw new Error(`${path}: not of this release`);
  return new Response(bytes, { headers: { "Content-Type": response.headers.get("Content-Type") ?? "" } });
}

async function install() {
  try {
    const shell = await caches.open(CACHE);
    await Promise.all(SHELL.map(async (path) => shell.put(address(path), await fetched(path, RELEASE.shell[path]))));
    const files = await caches.open(FILES);
    const kept = (await files.keys()).map(({ url }) => url);
    const stems = new Set(kept.map(stem));
    for (const [path, sha256] of Object.entries(RELEASE.files)) {
      const url = address(path);
      const isNeeded = !RELEASE.lazy.includes(path) || stems.has(stem(url)); // an older one was used
      if (isNeeded && !kept.includes(url)) await files.put(url, await fetched(path, sha256));
    }
  } catch (error) {
    await caches.delete(CACHE); // the old version stays
    throw error;
  }
}

/** The address of a file without its digest. */
const stem = (url) => url.replace(/\.[0-9a-f]{12}\./, ".");

/** Remove what only older versions use. */
async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith(`pokegan ${SCOPE} `) && name !== CACHE) await caches.delete(name);
  }
  const files = await caches.open(FILES);
  const used = new Set(Object.keys(RELEASE.files).map(address));
  for (const { url } of await files.keys()) if (url.startsWith(address("files/")) && !used.has(url)) await files.delete(url);
  await self.clients.claim();
}

async function respond(request) {
  const isPage = request.mode === "navigate" && [address("./"), address("index.html")].includes(plain(request.url));
  const kept = isPage ? await match(CACHE, address("./")) : await match(CACHE, request.url) ?? await match(FILES, request.url);
  return withHeaders(kept ?? (await fetch(request)));
}

const plain = (url) => url.replace(/[?#].*$/s, "");

const match = async (cache, url) => (await caches.open(cache)).match(url, { ignoreSearch: true });

function withHeaders(response) {
  if (response.type === "opaque" || response.type === "error" || response.redirected || !response.ok) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", ({ data }) => data === "use" && self.skipWaiting());
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && isOwn(plain(url))) event.respondWith(respond(event.request));
});
