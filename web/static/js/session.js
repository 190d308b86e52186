// Who looks at the page: whoever has its link with a token, a browser that has signed in, or
// anybody where nobody is asked. A token stays in this tab: it is sent as a header, and in no
// address. The cookie of a browser that has signed in is out of reach of any script.

const stored = "flagmeter-token";
const form = /^#token=([\w-]+\.[\w-]+\.[\w-]+)$/;

// inTab uses the tab's storage; a frame may have none.
function inTab(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null;
  }
}

// A link's token moves out of the address, into the tab.
let token = location.hash.match(form)?.[1];
if (token) {
  history.replaceState(null, "", location.pathname + location.search);
  inTab((tab) => tab.setItem(stored, token));
}
token ??= inTab((tab) => tab.getItem(stored));

// Another link in the same tab is another reader.
addEventListener("hashchange", () => form.test(location.hash) && location.reload());

export const session = {
  kind: "off", // off, session or token
  tenant: null, // the only one there is for this reader; null: all

  get token() {
    return token;
  },

  onRefused: () => {},

  // headers are those of a request, with the token if there is one.
  headers(own = {}) {
    return token ? { ...own, Authorization: `Bearer ${token}` } : own;
  },

  // protocols are those of a WebSocket, which has no other headers.
  protocols() {
    return token ? ["flagmeter", `bearer.${token}`] : [];
  },

  // open asks who the reader is: true if somebody who may look. A server that is away is not
  // asked again here: the page finds out, and says so.
  async open() {
    try {
      const response = await fetch("/session", { headers: this.headers(), cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (response.ok) Object.assign(this, await response.json());
      return response.status !== 401 && response.status !== 403;
    } catch {
      return true;
    }
  },

  // signIn begins a session with an API key, and returns what is wrong, or "".
  async signIn(key) {
    this.forget();
    try {
      const response = await fetch("/session", { method: "POST", headers: { Authorization: `Bearer ${key}` } });
      if (response.status === 401) return "This key is not known here, or no longer.";
      if (response.status === 403) return "This key may not read. Use one of scope read or admin.";
      if (!response.ok) throw new Error();
    } catch {
      return "The server does not answer. Try again.";
    }
    return (await this.open()) ? "" : "Your browser does not keep the session: open this page with https.";
  },

  // signOut asks for the cookie to be taken away, which only the server can.
  signOut() {
    this.forget();
    return fetch("/session", { method: "DELETE" }).catch(() => {});
  },

  forget() {
    token = null;
    inTab((tab) => tab.removeItem(stored));
  },
};
