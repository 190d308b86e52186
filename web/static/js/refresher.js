// A Refresher keeps one answer fresh that the feed does not bring: it asks when it is told to
// follow and the last answer is old enough. The server's ETag makes an unchanged one cheap.

import { Resource } from "./api.js";

export class Refresher {
  waiting = false; // for the answer to a question that is new
  #resource = null;
  #subject = null;
  #asking = null; // AbortController of the request in hand
  #askedAt = -Infinity;

  // every is the age in ms at which an answer is asked for again.
  constructor(every, show, failed = () => {}) {
    Object.assign(this, { every, show, failed });
  }

  // follow asks for address now if it is about another subject, and else when the answer has
  // become old. An address that moves on with the clock stays the same subject.
  follow(address, subject = address) {
    const changed = subject !== this.#subject;
    if (changed) {
      this.stop();
      this.#subject = subject;
      this.waiting = true;
    }
    if (this.#asking || performance.now() - this.#askedAt < this.every) return;
    if (this.#resource?.address !== address) this.#resource = new Resource(address);
    this.#ask();
  }

  stop() {
    this.#asking?.abort();
    this.#asking = this.#subject = this.#resource = null;
    this.#askedAt = -Infinity;
    this.waiting = false;
  }

  async #ask() {
    const asking = new AbortController();
    this.#asking = asking;
    this.#askedAt = performance.now();
    try {
      const answer = await this.#resource.get(asking.signal);
      if (asking.signal.aborted) return;
      this.waiting = false;
      if (answer) this.show(answer);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.waiting = false;
      this.failed(error.message);
    }
    this.#asking = null;
  }
}
