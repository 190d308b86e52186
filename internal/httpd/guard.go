package httpd

import (
	"net/http"
	"strconv"
	"time"
)

// Headers are sent with every answer, unless its handler sets others.
type Headers map[string][]string

// Data are the headers of answers that are data. No browser guesses their type, so none runs them
// as a script or shows them as a page, and no cache keeps them. Other headers that protect pages
// would cost each answer of the API time and bytes for nothing: JSON has no scripts, frames or
// links.
func Data() Headers {
	return Headers{
		"Cache-Control":          {"no-store"},
		"X-Content-Type-Options": {"nosniff"},
	}
}

// Pages are the headers of answers that a browser may show as a page. The page loads and runs
// nothing, no other page shows it in a frame or keeps a reference to its window, and none learns
// its address.
func Pages() Headers {
	h := Data()
	h["Content-Security-Policy"] = []string{"default-src 'none'; frame-ancestors 'none'"}
	h["Cross-Origin-Opener-Policy"] = []string{"same-origin"}
	h["Cross-Origin-Resource-Policy"] = []string{"same-origin"}
	h["Referrer-Policy"] = []string{"no-referrer"}
	return h
}

// WithHSTS adds Strict-Transport-Security for maxAge, unless that is 0. Browsers that have seen it
// over TLS then refuse to connect without TLS. Use it for a host that serves TLS for at least that
// long, which the process cannot check: a proxy in front of it terminates TLS.
func (h Headers) WithHSTS(maxAge time.Duration) Headers {
	if maxAge > 0 {
		seconds := strconv.FormatInt(int64(maxAge.Seconds()), 10)
		h["Strict-Transport-Security"] = []string{"max-age=" + seconds}
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
