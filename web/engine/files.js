// The release's files: fetched once, checked against their digests, and kept for the next visit and for one offline.

import { EngineError } from "./errors.js";

/** The cache that service worker and engine share; names of files contain their digests. */
export const CACHE = "pokegan-files";

/** Read release.json, which lists every file with size and SHA-256, and the scripts of the worker. */
export async function readRelease() {
  const response = await fetched(new URL("../release.json", import.meta.url), "release.json");
  try {
    return await response.json();
  } catch {
    throw new EngineError("release.json: damaged; try again, or upload the folder again", true);
  }
}

/**
 * Fetch the worker's scripts past the browser's cache, and thereby into it: it could hold a damaged one for a year.
 *
 * @throws {EngineError} one is missing or is not what the release lists.
 */
export async function refreshScripts() {
  const { scripts } = await readRelease();
  const refresh = async ([name, sha256]) => {
    const response = await fetched(new URL(`../${name}`, import.meta.url), name, "reload");
    const bytes = await response.arrayBuffer().catch(() => Promise.reject(unreachable(name)));
    if ((await digest(bytes)) !== sha256) throw damaged(name);
  };
  await Promise.all(Object.entries(scripts).map(refresh));
}

export class Files {
  #root = new URL("../../", import.meta.url);
  #files;
  #onProgress;
  #loading = new Map(); // bytes that have arrived, and their number, of every file that is being loaded

  /**
   * @param {Object<string, {path: string, bytes: number, sha256: string}>} files by name.
   * @param {function(string, number=): void} onProgress called with a text and the share that is loaded.
   */
  constructor(files, onProgress) {
    this.#files = files;
    this.#onProgress = onProgress;
  }

  has(name) {
    return name in this.#files;
  }

  /**
   * Load a file; gives Uint8Array.
   *
   * @throws {EngineError} it is missing or is not what the release lists.
   */
  async load(name) {
    if (!this.has(name)) throw new EngineError(`${name}: not in this page's folder; export it from a bundle that has it`);
    checkSecure();
    const { path, sha256 } = this.#files[name];
    const url = new URL(path, this.#root).href;
    const cache = await openCache();
    const kept = await cache?.match(url);
    if (kept) {
      const bytes = new Uint8Array(await kept.arrayBuffer());
      if ((await digest(bytes)) === sha256) return bytes;
      await cache.delete(url);
    }
    const bytes = await this.#download(name, url);
    if ((await digest(bytes)) !== sha256) throw damaged(name);
    // Storage may be full: then the file is downloaded at the next visit again.
    await cache?.put(url, new Response(bytes)).catch(() => {});
    return bytes;
  }

  async json(name) {
    return JSON.parse(new TextDecoder().decode(await this.load(name)));
  }

  async #download(name, url) {
    const total = this.#files[name].bytes;
    const bytes = new Uint8Array(total);
    let length = 0;
    try {
      this.#report(name, 0, total);
      const response = await fetched(url, name);
      for (const reader = response.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        if (length + value.length > total) throw new EngineError(`${name}: damaged (too long); try again`, true);
        bytes.set(value, length);
        length += value.length;
        this.#report(name, length, total);
      }
    } catch (error) {
      throw error instanceof EngineError ? error : unreachable(name);
    } finally {
      this.#loading.delete(name);
    }
    return bytes.subarray(0, length);
  }

  #report(name, length, total) {
    this.#loading.set(name, [length, total]);
    const [loaded, all] = [0, 1].map((at) => [...this.#loading.values()].reduce((sum, pair) => sum + pair[at], 0));
    if (loaded < all) this.#onProgress(`Loading ${[...this.#loading.keys()].join(", ")}, once…`, loaded / all);
    else this.#onProgress("Opening the networks…", 1);
  }
}

const unreachable = (name) => new EngineError(`${name}: cannot be loaded; check the connection and try again`, true);

const damaged = (name) => new EngineError(`${name}: damaged (its SHA-256 differs from the release's); try again`, true);

function checkSecure() {
  if (!globalThis.crypto?.subtle) throw new EngineError("Browsers run this page over https or on localhost alone.");
}

/** Fetch past the browser's own cache, which could hold a damaged file, and would hold every file twice. */
async function fetched(url, name, cache = "no-store") {
  const response = await fetch(url, { cache }).catch(() => {
    throw unreachable(name);
  });
  if (response.ok) return response;
  throw new EngineError(`${name}: missing on this site (${response.status}); try again, or reload the page`, true);
}

async function openCache() {
  try {
    return await caches.open(CACHE);
  } catch {
    return undefined; // storage is disabled
  }
}

async function digest(bytes) {
  checkSecure();
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
