package httpd

import (
	"net/http"
	"strconv"
	"time"
)

// Headers are sent with every answer, unless its handler sets others.
type Headers map[string][]string

// Data are the headers of answers that are data: no browser guesses their type, so none runs
// them as a script or shows them as a page, and no cache keeps them. What else protects a page would
// cost each answer of the API time and bytes for nothing: JSON has no scripts, frames or links.
func Data() Headers {
	return Headers{
		"Cache-Control":          {"no-store"},
		"X-Content-Type-Options": {"nosniff"},
	}
}

// Pages are the headers of answers that a browser may show as a page: nothing in it is loaded or run,
// no other page shows it in a frame or holds on to its window, and none learns where it was.
func Pages() Headers {
	h := Data()
	h["Content-Security-Policy"] = []string{"default-src 'none'; frame-ancestors 'none'"}
	h["Cross-Origin-Opener-Policy"] = []string{"same-origin"}
	h["Cross-Origin-Resource-Policy"] = []string{"same-origin"}
	h["Referrer-Policy"] = []string{"no-referrer"}
	return h
}

// WithHSTS adds Strict-Transport-Security for maxAge, unless that is 0: browsers that have
// seen it over TLS then refuse to come without. It is for a host that is reached through TLS
// for as long as that, which the process cannot see: a proxy in front of it ends TLS.
func (h Headers) WithHSTS(maxAge time.Duration) Headers {
	if maxAge > 0 {
		h["Strict-Transport-Security"] = []string{"max-age=" + strconv.FormatInt(int64(maxAge.Seconds()), 10)}
	}
	return h
}

// Guard sends headers with every answer of next. A handler replaces one by setting it.
func Guard(next http.Handler, headers Headers) http.Handler {
	type header struct {
		name   string
		values []string // net/http only reads them
	}
	all := make([]header, 0, len(headers))
	for name, values := range headers {
		all = append(all, header{name, values[:len(values):len(values)]})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, header := range all {
			h[header.name] = header.values
		}
		next.ServeHTTP(w, r)
	})
}
