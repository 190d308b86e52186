package web

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

func ask(t *testing.T, method, path string, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

// A page of somebody else may show it in a frame only if it is named.
func TestEmbeddersAreNamed(t *testing.T) {
	w := httptest.NewRecorder()
	Handler("https://a.example.com", "https://*.example.org").ServeHTTP(w, httptest.NewRequest("GET", "/usage", nil))
	if got, want := w.Header().Get("Content-Security-Policy"), policy+"https://a.example.com https://*.example.org"; w.Code != 200 || got != want {
		t.Errorf("%d, %s", w.Code, got)
	}
}

// everything that is served, with its cache policy.
func everything() map[string]string {
	served := map[string]string{"/usage": "no-cache"}
	for name := range load().assets {
		served[name] = "public, max-age=31536000, immutable"
	}
	return served
}

func TestEveryFileHasItsHeaders(t *testing.T) {
	tags := map[string]bool{}
	for name, cache := range everything() {
		kind := contentType(name)
		if name == "/usage" {
			kind = "text/html; charset=utf-8"
		}
		for _, method := range []string{"GET", "HEAD"} {
			resp := ask(t, method, name, nil)
			if resp.StatusCode != 200 {
				t.Fatalf("%s %s: status %d", method, name, resp.StatusCode)
			}
			for header, want := range map[string]string{
				"Content-Type": kind, "Cache-Control": cache, "X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding",
				"Referrer-Policy": "no-referrer", "Content-Security-Policy": policy + "'none'", "Content-Encoding": "",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := resp.Header.Get(header); got != want {
					t.Errorf("%s %s: %s is %q, want %q", method, name, header, got, want)
				}
			}
			tags[resp.Header.Get("ETag")] = true
		}
	}
	if len(tags) != len(everything()) || tags[""] {
		t.Errorf("%d ETags for %d files", len(tags), len(everything()))
	}
}

func TestUnchangedFileIs304(t *testing.T) {
	for name := range everything() {
		for _, coding := range []string{"gzip", "identity"} {
			header := http.Header{"Accept-Encoding": {coding}}
			header.Set("If-None-Match", ask(t, "GET", name, header).Header.Get("ETag"))
			if resp := ask(t, "GET", name, header); resp.StatusCode != http.StatusNotModified {
				t.Errorf("%s: status %d for its own ETag", name, resp.StatusCode)
			}
			header.Set("If-None-Match", `"other"`)
			if resp := ask(t, "GET", name, header); resp.StatusCode != http.StatusOK {
				t.Errorf("%s: status %d for another ETag", name, resp.StatusCode)
			}
		}
	}
}

func TestGzipIsNegotiated(t *testing.T) {
	for accept, want := range map[string]string{
		"gzip": "gzip", "br, GZIP;q=0.5": "gzip", "deflate, gzip ; q=1.0": "gzip",
		"": "", "br": "", "gzip;q=0": "", "gzip; q=0.000": "", "identity": "",
	} {
		if got := ask(t, "GET", "/usage", http.Header{"Accept-Encoding": {accept}}).Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: %q, want %q", accept, got, want)
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	for _, name := range []string{"/", "/assets/", "/assets/index.html", "/assets/js/main.js", "/assets/web.go", "/web.go", "/usage/acme-corp"} {
		if resp := ask(t, "GET", name, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", name, resp.StatusCode)
		}
	}
	if resp := ask(t, "POST", "/usage", nil); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /usage: status %d", resp.StatusCode)
	}
}

// What the policy forbids would fail in the browser only where it is used.
func TestPageKeepsItsOwnPolicy(t *testing.T) {
	page := read(t, "index.html")
	for what, pattern := range map[string]string{
		"inline script":       `(?i)<script(>|\s+[^>]*>)\s*[^<\s]`,
		"script without src":  `(?i)<script(\s+(type="[^"]*"|defer))?>`,
		"style element":       `(?i)<style`,
		"style attribute":     `(?i)\sstyle\s*=`,
		"event attribute":     `(?i)\son[a-z]+\s*=`,
		"javascript address":  `(?i)javascript:`,
		"another host or CDN": `(?i)(src|href)="(https?:)?//`,
	} {
		if m := regexp.MustCompile(pattern).FindString(page); m != "" {
			t.Errorf("index.html has an %s: %q", what, m)
		}
	}
	for _, name := range list(t, "js") {
		script := read(t, name)
		for _, sink := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", `setAttribute("style"`, "cssText", "localStorage"} {
			if strings.Contains(script, sink) {
				t.Errorf("%s uses %s", name, sink)
			}
		}
		// What bare takes for a comment or for indentation may be in no string.
		for line := range strings.Lines(string(bare(name, []byte(script)))) {
			if strings.Count(line, "`")%2 != 0 || strings.Count(line, `"`)%2 != 0 {
				t.Errorf("%s has a string of several lines, or with a comment: %s", name, line)
			}
		}
	}
}

// A file that the page does not name would be fetched in a second round, or never.
func TestPageNamesEveryFile(t *testing.T) {
	page := read(t, "index.html")
	named := map[string]bool{}
	for _, ref := range regexp.MustCompile(`(?:src|href)="/assets/([^"]*)"`).FindAllStringSubmatch(page, -1) {
		named[ref[1]] = true
	}
	for name := range load().assets {
		_, name, _ = strings.Cut(strings.TrimPrefix(name, prefix), "/")
		if asked := !strings.HasPrefix(name, "vendor/") || path.Ext(name) == ".js"; named[name] != asked {
			t.Errorf("index.html names %s: %v, want %v", name, named[name], asked)
		}
		delete(named, name)
	}
	for name := range named {
		t.Errorf("index.html names %s, which is not there", name)
	}
}

// A mistyped id would only show where it is used.
func TestScriptsFindTheirElements(t *testing.T) {
	page, found := read(t, "index.html"), 0
	for _, name := range list(t, "js") {
		for _, id := range regexp.MustCompile(`byId\("([^"]+)"\)`).FindAllStringSubmatch(read(t, name), -1) {
			found++
			if !strings.Contains(page, `id="`+id[1]+`"`) {
				t.Errorf("%s: index.html has no element with the id %q", name, id[1])
			}
		}
	}
	if found < 50 {
		t.Errorf("found only %d elements in the scripts", found)
	}
}

// What others have written is as they have published it.
func TestVendoredFilesAreUnchanged(t *testing.T) {
	for _, dir := range []string{"static/vendor", "testdata"} {
		sums, err := os.ReadFile(path.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(sums)) {
			want, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
			content, err := os.ReadFile(path.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
				t.Errorf("%s/%s is not the file that was published", dir, name)
			}
		}
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := fs.ReadDir(files, "static/"+dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(entries), err)
	}
	for _, entry := range entries {
		names = append(names, dir+"/"+entry.Name())
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := fs.ReadFile(files, "static/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
