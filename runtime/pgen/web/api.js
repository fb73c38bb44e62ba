// Requests to the server that this page came from: its key, its "later", its errors.

import { askForKey, key } from "./key.js";

const ATTEMPTS = 6;
const LONGEST_WAIT = 30; // seconds

/** An error that its message tells whole. */
export class Refused extends Error {}

/**
 * Send a request until it is answered.
 *
 * A server that wants a key is given one, which the user may be asked for; a busy one is asked again when it says so.
 *
 * @param {string} path such as "v1/names", from where the page lies.
 * @param {Object} [options]
 * @param {Object} [options.body] sent as JSON; without it the request is a GET.
 * @param {AbortSignal} [options.signal]
 * @param {function(string): void} [options.tell] is told why it takes longer.
 * @returns {Promise<Response>} a good one.
 * @throws {Refused} the server cannot be reached, or says no.
 */
export async function request(path, { body, signal, tell = () => {} } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    const used = key();
    const response = await send(path, used, body, signal);
    if (response.ok) return response;
    const reason = await reasonOf(response);
    if (response.status === 401) {
      const another = key() !== used; // given to another request meanwhile
      if (!another && !(await askForKey(reason))) throw new Refused("This server wants a key, and none was given.");
      attempt = 0;
    } else if ([429, 503].includes(response.status) && attempt < ATTEMPTS) {
      const seconds = waitOf(response, attempt);
      tell(`The server is busy; asking again in ${seconds} s.`);
      await pause(seconds, signal);
    } else {
      throw new Refused(reason);
    }
  }
}

/** Send a request and read its answer as JSON. */
export const json = async (path, options) => (await request(path, options)).json();

/** Is this error a request that the user gave up? */
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
    throw new Refused("The server cannot be reached. Is pgen serve still running?");
  }
}

async function reasonOf(response) {
  try {
    const { message } = (await response.json()).error;
    if (typeof message === "string" && message) return message;
  } catch {
    // not from pgen: a proxy's page, or nothing at all
  }
  return `The server answered ${response.status} ${response.statusText}`.trim() + ".";
}

function waitOf(response, attempt) {
  const asked = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return Math.min(Number.isNaN(asked) ? attempt : Math.max(asked, 1), LONGEST_WAIT);
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
