// The page: a router, one feed of live figures, and two views of them.

import { Connection } from "./connection.js";
import { byId } from "./dom.js";
import { Feed } from "./feed.js";
import { showLogin } from "./login.js";
import { Overview } from "./overview.js";
import { Router, parse, write } from "./router.js";
import { session } from "./session.js";
import { TenantView } from "./tenant.js";

let view = null; // the one that is on
const feed = new Feed({
  onMessage: (message) => view.take(message),
  onState: () => {
    view.feedChanged(feed);
    connection.show();
  },
});
const router = new Router((route) => show(route));
const views = { overview: new Overview(feed, router), tenant: new TenantView(feed, router, (name) => views.overview.rowOf(name)) };
const connection = new Connection(feed, () => view.stale);

const scrolled = new Map(); // view → where it was left, for the way back
history.scrollRestoration = "manual";

function show(route) {
  const next = views[route.view];
  const other = next !== view;
  if (other) {
    if (view) {
      scrolled.set(view, scrollY);
      view.leave();
      view.root.hidden = true;
    }
    view = next;
    feed.forget();
    view.root.hidden = false;
  }
  view.enter(route);
  document.title = view.title ? `${view.title} · FlagMeter` : "FlagMeter";
  if (other) {
    scrollTo(0, view === views.overview ? (scrolled.get(view) ?? 0) : 0);
    if (scrolled.size) view.focus(); // not when the page has just been opened
  }
  connection.show();
}

byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash is the route
  view.focus();
});

// Messages link to /usage?tenant=NAME, because mail and chat programs cut hashes off.
const linked = new URLSearchParams(location.search).get("tenant");
if (linked && !location.hash) history.replaceState(null, "", `${location.pathname}${write(parse(`#/t/${encodeURIComponent(linked)}`))}`);

const linkEnded = session.token ? "This link has ended. Ask for a new one where you got it." : "";
session.onRefused = () => {
  session.onRefused = () => {};
  feed.pause();
  view.leave();
  for (const { root } of Object.values(views)) root.remove();
  showLogin(linkEnded || "Your session has ended. Sign in again.");
};

// Nothing is shown before it is known who looks: no figures, and no form for who needs none.
if (await session.open()) {
  router.only = session.tenant;
  byId("back").hidden = session.tenant !== null;
  byId("sign-out").hidden = session.kind !== "session";
  router.start();
} else showLogin(linkEnded);
