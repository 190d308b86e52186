package account

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// MayOpen reports whether the page that a request comes from may open a WebSocket. Browsers let any
// page open one, with the user's cookies.
func (g *Guard) MayOpen(r *http.Request) bool {
	return g.ownPage(r) || slices.Contains(g.origins, r.Header.Get("Origin"))
}

// ownPage is sameOrigin, also behind a proxy that does not pass on the Host which the browser has
// sent: PUBLIC_URL names the origin of its pages then.
func (g *Guard) ownPage(r *http.Request) bool {
	return sameOrigin(r) || g.origin != "" && strings.EqualFold(r.Header.Get("Origin"), g.origin)
}

// originOf is the origin of a URL as browsers send it, empty for an empty one.
func originOf(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return ""
	}
	host := u.Host
	if u.Port() == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host = strings.TrimSuffix(host, ":"+u.Port())
	}
	return strings.ToLower(u.Scheme + "://" + host)
}

// sameOrigin reports whether a request comes from a page of this server, or from no page.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}
