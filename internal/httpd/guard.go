package httpd

import (
	"net/http"
	"strconv"
	"time"
)

// Headers are sent with every answer, unless its handler sets others.
type Headers map[string][]string

// Data are the headers of answers that are data: no browser guesses their type, shows them
// as a page or in a frame, or lends them to pages of other origins, and nobody keeps them.
func Data() Headers {
	return Headers{
		"Cache-Control":                {"no-store"},
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Referrer-Policy":              {"no-referrer"},
		"X-Content-Type-Options":       {"nosniff"},
	}
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
