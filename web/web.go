package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"time"
)

//go:embed index.html app.js style.css icon.svg
var files embed.FS

// policy is the Content-Security-Policy of the page. app.js sets the widths of the bars
// through the CSSOM, which default-src 'self' allows, unlike a style attribute.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"

// Handler serves GET and HEAD of the page at /usage and of its files under /assets/; 404
// for any other path. Browsers may keep the files but ask each time whether they are
// still good: after an upgrade no page meets another version's script. It is safe for
// concurrent use and panics only if the binary was built without its files.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /usage", newAsset("index.html"))
	for _, name := range []string{"app.js", "style.css", "icon.svg"} {
		mux.Handle("GET /assets/"+name, newAsset(name))
	}
	return mux
}

// asset is one embedded file.
type asset struct {
	name    string
	content []byte
	kind    string // Content-Type
	tag     string // ETag
}

func newAsset(name string) asset {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("web: %v", err))
	}
	sum := sha256.Sum256(content)
	return asset{name, content, contentType(name), `"` + hex.EncodeToString(sum[:16]) + `"`}
}

// contentType does not ask the machine's tables for the types that it knows: some
// machines call a .js file text/plain, which nosniff makes unusable.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(ext)
	}
}

func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("ETag", a.tag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(a.content))
}
