// The line that says how fresh the figures are, the pause button, and the banner.

import { byId, setAttribute, setHidden, setText } from "./dom.js";
import { duration } from "./format.js";

const words = { connecting: "Connecting…", live: "Live", polling: "Polling", away: "Server away", refused: "No figures", paused: "Paused" };

export class Connection {
  // isStale tells whether the server has said that its figures may be behind.
  constructor(feed, isStale) {
    Object.assign(this, { feed, isStale });
    this.line = byId("connection");
    this.button = byId("pause");
    this.button.addEventListener("click", () => (feed.mode === "paused" ? feed.resume() : feed.pause()));
    setInterval(() => !document.hidden && this.#age(), 1000);
  }

  show() {
    const { mode, receivedAt } = this.feed;
    const stale = this.isStale() && (mode === "live" || mode === "polling");
    setAttribute(this.line, "data-mode", stale ? "stale" : mode);
    setText(byId("mode"), stale ? "Behind" : words[mode]);
    setAttribute(this.button, "aria-pressed", mode === "paused");
    setText(this.button, mode === "paused" ? "Resume" : "Pause");
    this.#banner(stale, receivedAt !== null);
    this.#age();
  }

  #age() {
    const { receivedAt } = this.feed;
    setText(byId("age"), receivedAt === null ? "" : `updated ${duration(performance.now() - receivedAt)} ago`);
  }

  // The banner is a live region: there is no age in its text, so that it is read out once and
  // not every second.
  #banner(stale, known) {
    const { mode, failure } = this.feed;
    // With nothing to show, the view itself says why.
    if (mode === "away" && known) this.#say("away", `No figures from the server: ${failure}. Those below are the last that arrived. Trying again.`);
    else if (stale) this.#say("stale", "These figures may be behind: the server cannot read all of its data at the moment. They catch up by themselves.");
    else this.#say("", "");
  }

  #say(kind, text) {
    const banner = byId("banner");
    setAttribute(banner, "data-kind", kind);
    setText(banner, text);
    setHidden(banner, !text);
  }
}
