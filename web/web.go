package web

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"time"
)

// policy is the Content-Security-Policy of the page, but for who may show it in a frame: this origin and nothing else. Styles
// that follow from data are set through the CSSOM, which default-src 'self' allows, unlike a
// style attribute. Trusted types make every way of turning a string into HTML throw.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; " +
	"require-trusted-types-for 'script'; frame-ancestors "

// load prepares the files at the first call: about 15 ms for hashing and compressing.
var load = sync.OnceValue(func() *site { return newSite(files) })

// Handler serves GET and HEAD of the page at /usage and of its files under /assets/; 404
// for any other path. The page is asked for each time (ETag); it names its files by a
// prefix that changes with any of them, so those may be kept for ever and no page ever
// meets another version's script. It is safe for concurrent use and panics only if the
// binary was built without its files. Pages of embedders, which are origins, may show it in a
// frame; no other may.
func Handler(embedders ...string) http.Handler {
	s := load()
	mux := http.NewServeMux()
	mux.Handle("GET /usage", s.page)
	for path, file := range s.assets {
		mux.Handle("GET "+path, file)
	}
	own := policy + "'none'"
	if len(embedders) > 0 {
		own = policy + strings.Join(embedders, " ")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", own)
		mux.ServeHTTP(w, r)
	})
}

func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, tag := f.plain, f.tag
	h := w.Header()
	if len(f.packed) > 0 && takesGzip(r.Header.Get("Accept-Encoding")) {
		content, tag = f.packed, f.packedTag
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", f.kind)
	h.Set("ETag", tag)
	h.Add("Vary", "Accept-Encoding")
	h.Set("Cache-Control", f.cache)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// takesGzip reads Accept-Encoding as far as it matters here: gzip is named, and not with a
// weight of 0.
func takesGzip(accept string) bool {
	for item := range strings.SplitSeq(accept, ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(item), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q := strings.ReplaceAll(weight, " ", "")
			return q == "" || strings.Trim(strings.TrimPrefix(q, "q="), "0.") != ""
		}
	}
	return false
}
