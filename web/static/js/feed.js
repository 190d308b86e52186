// A Feed keeps one question answered: over a WebSocket when it can be had, else by polling
// every two seconds, and it finds its way back by itself.
//
//   connecting ─▶ live ──(cut, or silent for 12 s)──▶ polling ──(no answer)──▶ away
//                   ▲                                    │  ▲                    │
//                   └───────(socket opens again)─────────┘  └───(an answer)──────┘
//
// While the server is away nothing but one poll at a time knocks, less and less often. A
// hidden page asks for nothing and takes up again when it is seen.

import { Resource } from "./api.js";
import { Backoff, Patience } from "./backoff.js";
import { session } from "./session.js";
import { parse } from "./whole.js";

const pollEvery = 2000; // ms from one answer to the next question
const refusedEvery = 5000; // ms: a tenant that does not exist may be added yet
const openWithin = 4000; // ms for the first message of a socket
const openAtLast = 60_000; // ms for the same, after attempts that were too short
const silentFor = 12_000; // ms; the server says that it is alive every 5 s

export class Feed {
  mode = "connecting"; // connecting, live, polling, away, refused, paused
  failure = ""; // why there is no answer
  receivedAt = null; // performance.now() of the last answer

  #ask = null; // { live, poll, first }: the addresses, and the type of a polled answer
  #socket = null;
  #polling = null; // AbortController of the poll in hand
  #timers = {};
  #socketBackoff = new Backoff(1000, 30_000);
  #pollBackoff = new Backoff(1000, 10_000);
  #socketNotBefore = 0;
  #opening = new Patience(openWithin, openAtLast);

  // onMessage gets every answer, onState is called when mode or failure may have changed.
  constructor({ onMessage, onState }) {
    this.onMessage = onMessage;
    this.onState = onState;
    document.addEventListener("visibilitychange", () => this.#wake());
    addEventListener("online", () => this.#wake());
  }

  // follow asks another question. What is known stays as it is until the answer comes.
  follow(ask) {
    this.#hangUp();
    this.#ask = { ...ask, resource: new Resource(ask.poll) };
    if (this.mode === "paused") return;
    if (this.mode === "refused") this.#become("connecting");
    this.#begin();
  }

  // forget: the last answer was one to another question.
  forget() {
    this.receivedAt = null;
    if (this.mode !== "paused") this.#become("connecting");
  }

  pause() {
    this.#hangUp();
    this.#become("paused");
  }

  resume() {
    this.#become("connecting");
    this.#begin();
  }

  #begin() {
    if (!this.#ask || document.hidden || this.mode === "paused") return;
    this.#socketNotBefore = 0;
    this.#openSocket();
  }

  #wake() {
    if (!this.#ask || this.mode === "paused") return;
    this.#hangUp();
    this.#begin();
  }

  #hangUp() {
    this.#never("poll");
    this.#polling?.abort();
    this.#polling = null;
    this.#dropSocket();
  }

  #become(mode, failure = "") {
    this.mode = mode;
    this.failure = failure;
    this.onState();
  }

  #received(message) {
    this.receivedAt = performance.now();
    if (message) this.onMessage(message);
  }

  #later(name, ms, work) {
    this.#never(name);
    this.#timers[name] = setTimeout(() => {
      delete this.#timers[name];
      work();
    }, ms);
  }

  #never(name) {
    clearTimeout(this.#timers[name]);
    delete this.#timers[name];
  }

  // ---- the socket ----

  #openSocket() {
    const address = new URL(this.#ask.live, location.href);
    address.protocol = address.protocol.replace("http", "ws"); // https becomes wss
    const socket = new WebSocket(address, session.protocols());
    this.#socket = socket;
    const mine = (work) => (event) => {
      if (this.#socket === socket) work(event);
    };
    socket.addEventListener("message", mine((event) => this.#socketSays(event.data)));
    socket.addEventListener("close", mine(() => this.#socketLost()));
    this.#later("silence", this.#opening.ms, () => {
      this.#opening.lost();
      this.#socketLost();
    });
  }

  #socketSays(data) {
    let message;
    try {
      message = parse(data);
    } catch {
      this.#socketLost();
      return;
    }
    this.#later("silence", silentFor, () => this.#socketLost());
    if (this.mode !== "live") {
      this.#never("poll");
      this.#polling?.abort();
      this.#polling = null;
      this.#socketBackoff.reset();
      this.#pollBackoff.reset();
      this.mode = "live";
      this.failure = "";
    }
    this.#received(message);
    this.onState();
  }

  #socketLost() {
    this.#dropSocket();
    this.#socketNotBefore = performance.now() + this.#socketBackoff.next();
    if (!this.#polling && !this.#timers.poll) this.#poll();
  }

  #dropSocket() {
    this.#never("silence");
    const socket = this.#socket;
    this.#socket = null; // its events are nobody's from now on
    socket?.close();
  }

  // ---- polling ----

  async #poll() {
    const polling = new AbortController();
    this.#polling = polling;
    const { resource, first } = this.#ask;
    let wait = pollEvery;
    try {
      const answer = await resource.get(polling.signal);
      if (polling.signal.aborted) return;
      this.#pollBackoff.reset();
      this.#received(answer && { type: first, ...answer });
      this.#become("polling");
    } catch (error) {
      if (polling.signal.aborted) return;
      wait = error.refused ? refusedEvery : this.#pollBackoff.next();
      this.#become(error.refused ? "refused" : "away", error.message);
    }
    this.#polling = null;
    this.#later("poll", wait, () => this.#poll());
    if (this.mode === "polling" && !this.#socket && performance.now() >= this.#socketNotBefore) this.#openSocket();
  }
}
