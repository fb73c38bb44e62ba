// Requests to the API: authentication, retries and errors.

import { askForKey, key } from "./key.js";

const ATTEMPTS = 6;
const MAX_WAIT = 30; // seconds

/** An error whose message is meant for the user; `again` says that another try may succeed. */
export class RequestFailed extends Error {
  constructor(message, again = false) {
    super(message);
    this.again = again;
  }
}

/**
 * Send a request, and retry it while the server is busy.
 *
 * If the server requires an API key, the user is asked for it. After 429 and 503, the request is sent again after the
 * seconds in Retry-After.
 *
 * @param {string} path such as "v1/names", relative to the page.
 * @param {Object} [options]
 * @param {Object} [options.body] sent as JSON by POST; without it the request is a GET.
 * @param {AbortSignal} [options.signal]
 * @param {function(string): void} [options.onProgress] called with the reason of a delay.
 * @returns {Promise<Response>} a successful one.
 * @throws {RequestFailed} the server cannot be reached, or rejected the request.
 */
export async function request(path, { body, signal, onProgress = () => {} } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    const used = key();
    const response = await send(path, used, body, signal);
    if (response.ok) return response;
    const reason = await reasonOf(response);
    if (response.status === 401) {
      const changed = key() !== used; // entered for another request in the meantime
      if (!changed && !(await askForKey(reason))) throw new RequestFailed("This server requires an API key.");
      attempt = 0;
    } else if ([429, 503].includes(response.status) && attempt < ATTEMPTS) {
      const seconds = waitOf(response, attempt);
      onProgress(`The server is busy; retrying in ${seconds} s.`);
      await pause(seconds, signal);
    } else {
      throw new RequestFailed(reason, response.status >= 500 || response.status === 429);
    }
  }
}

/** Send a request and parse the response as JSON. */
export const json = async (path, options) => (await request(path, options)).json();

/** Is this the error of an aborted request? */
export const isAborted = (error) => error.name === "AbortError";

async function send(path, used, body, signal) {
  const headers = {};
  if (used) headers.Authorization = `Bearer ${used}`;
  if (body) headers["Content-Type"] = "application/json";
  const options = { headers, signal, method: body ? "POST" : "GET", body: body && JSON.stringify(body) };
  try {
    return await fetch(path, options);
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new RequestFailed("The server cannot be reached. Is pgen serve still running?", true);
  }
}

async function reasonOf(response) {
  try {
    const { message } = (await response.json()).error;
    if (typeof message === "string" && message) return message;
  } catch {
    // not from pgen, but from a proxy
  }
  return `The server answered ${response.status} ${response.statusText}`.trim() + ".";
}

function waitOf(response, attempt) {
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return Math.min(Number.isNaN(seconds) ? attempt : Math.max(seconds, 1), MAX_WAIT);
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
