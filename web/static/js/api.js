// The HTTP API as the page uses it: addresses, conditional requests, and problems.

import { Patience } from "./backoff.js";
import { session } from "./session.js";
import { parse } from "./whole.js";

// ms; the answer to 10,000 tenants takes well below one second, where nothing is slow.
const answerWithin = 5000;
const answerAtLast = 60_000;

export const path = {
  tenants: (query) => `/tenants?${new URLSearchParams(query)}`,
  tenantsCSV: (query) => `/tenants.csv?${new URLSearchParams(query)}`,
  live: (query) => `/live?${new URLSearchParams(query)}`,
  usage: (name) => `/usage/${segment(name)}`,
  series: (name, query) => `/usage/${segment(name)}/series?${new URLSearchParams(query)}`,
  seriesCSV: (name, query) => `/usage/${segment(name)}/series.csv?${new URLSearchParams(query)}`,
  eventsCSV: (name, query) => `/usage/${segment(name)}/events.csv?${new URLSearchParams(query)}`,
  alerts: (query) => `/alerts?${new URLSearchParams(query)}`,
};

// segment is one part of a path. No tenant can be called "." or "..", which would be taken for
// directories.
function segment(name) {
  return encodeURIComponent(name).replaceAll("'", "%27");
}

// Failure is any reason for having no answer. status is 0 if there was none at all.
export class Failure extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }

  // refused: the question was wrong, and asking it again will not help.
  get refused() {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

// Resource is one address that is asked again and again.
export class Resource {
  #tag = null;
  #patience = new Patience(answerWithin, answerAtLast);

  constructor(address) {
    this.address = address;
  }

  // get returns the answer, or null if it is the same as last time; it throws a Failure.
  // After an abort by signal it throws what the signal says.
  async get(signal) {
    const headers = session.headers({ Accept: "application/json" });
    if (this.#tag) headers["If-None-Match"] = this.#tag;
    const slow = AbortSignal.timeout(this.#patience.ms);
    let response;
    try {
      response = await fetch(this.address, { headers, cache: "no-store", signal: signal ? AbortSignal.any([signal, slow]) : slow });
      if (response.status === 304) return null;
      if (response.ok) {
        const answer = parse(await response.text());
        this.#tag = response.headers.get("ETag");
        return answer;
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (slow.aborted) {
        this.#patience.lost();
        throw new Failure("it does not answer");
      }
      throw new Failure(response ? "its answer cannot be read" : "it cannot be reached");
    }
    if (response.status === 401) session.onRefused();
    throw new Failure(await reason(response), response.status);
  }
}

// reason takes the words of a problem+json, if it is one.
async function reason(response) {
  try {
    const problem = await response.json();
    const errors = (problem.errors ?? []).map((e) => e.detail ?? e.message).filter(Boolean);
    return [problem.detail ?? problem.title, ...errors].filter(Boolean).join(": ") || `it answered ${response.status}`;
  } catch {
    return `it answered ${response.status}`;
  }
}
