// The hash is the page's whole state: what it shows can be bookmarked, sent to somebody, and
// found again with the back button.
//
//   #/?q=ac&sort=-used&archived=true
//   #/t/acme-corp?range=7d&step=day&feature=gpt-4o

const defaults = {
  overview: { q: "", sort: "-percent", archived: "" },
  tenant: { range: "24h", step: "", feature: "", from: "", to: "" }, // step "": the range's own
};

// parse reads a hash. What it does not understand becomes the default: a bookmark of an
// older version must not break the page.
export function parse(hash) {
  const [path, query = ""] = split(hash.replace(/^#/, ""), "?");
  const tenant = path.match(/^\/t\/(.+)$/);
  const name = tenant && decode(tenant[1]);
  const view = name ? "tenant" : "overview";
  const given = new URLSearchParams(query);
  const route = name ? { view, name } : { view };
  for (const [key, value] of Object.entries(defaults[view])) route[key] = given.get(key) || value;
  return route;
}

// write is the inverse of parse; defaults are left out.
export function write(route) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(defaults[route.view])) {
    if (route[key] && route[key] !== value) query.set(key, route[key]);
  }
  const path = route.view === "tenant" ? `#/t/${encodeURIComponent(route.name)}` : "#/";
  return query.size ? `${path}?${query}` : path;
}

function split(text, at) {
  const i = text.indexOf(at);
  return i < 0 ? [text] : [text.slice(0, i), text.slice(i + 1)];
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

// Router tells show of each route, at first and then whenever the hash changes.
export class Router {
  only = null; // the name of the one tenant that this reader may see

  constructor(show) {
    this.show = show;
    addEventListener("hashchange", () => this.#follow());
  }

  start() {
    this.#follow();
  }

  // change goes to the same view with other values. replace: without a step in the history,
  // for what changes with every key.
  change(values, { replace = false } = {}) {
    const hash = write({ ...this.route, ...values });
    if (hash === write(this.route)) return;
    if (!replace) {
      location.hash = hash;
      return;
    }
    history.replaceState(null, "", hash);
    this.#follow();
  }

  #follow() {
    this.route = parse(location.hash);
    if (this.only !== null && this.route.name !== this.only) {
      this.route = { ...parse("#/t/x"), name: this.only };
      history.replaceState(null, "", write(this.route));
    }
    this.show(this.route);
  }
}
