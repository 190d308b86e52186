package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, method, path, ifNoneMatch string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	if ifNoneMatch != "" {
		r.Header.Set("If-None-Match", ifNoneMatch)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

var served = map[string]string{
	"/usage":            "text/html; charset=utf-8",
	"/assets/app.js":    "text/javascript; charset=utf-8",
	"/assets/style.css": "text/css; charset=utf-8",
	"/assets/icon.svg":  "image/svg+xml",
}

func TestEveryFileHasItsHeaders(t *testing.T) {
	tags := map[string]string{}
	for path, kind := range served {
		for _, method := range []string{"GET", "HEAD"} {
			resp := get(t, method, path, "")
			if resp.StatusCode != 200 {
				t.Fatalf("%s %s: status %d", method, path, resp.StatusCode)
			}
			for name, want := range map[string]string{
				"Content-Type": kind, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff",
				"Referrer-Policy": "no-referrer", "Content-Security-Policy": policy,
			} {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s %s: %s is %q, want %q", method, path, name, got, want)
				}
			}
			tags[resp.Header.Get("ETag")] = path
		}
	}
	if len(tags) != len(served) || tags[""] != "" {
		t.Errorf("ETags are not one per file: %v", tags)
	}
}

func TestUnchangedFileIs304(t *testing.T) {
	for path := range served {
		tag := get(t, "GET", path, "").Header.Get("ETag")
		if resp := get(t, "GET", path, tag); resp.StatusCode != http.StatusNotModified {
			t.Errorf("%s: status %d for its own ETag", path, resp.StatusCode)
		}
		if resp := get(t, "GET", path, `"other"`); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d for another ETag", path, resp.StatusCode)
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	for _, path := range []string{"/", "/assets/", "/assets/index.html", "/assets/web.go", "/assets/doc.go", "/web.go", "/usage/acme-corp"} {
		if resp := get(t, "GET", path, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
	}
	if resp := get(t, "POST", "/usage", ""); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /usage: status %d", resp.StatusCode)
	}
}

// What the policy forbids would fail silently in the browser.
func TestPageKeepsItsOwnPolicy(t *testing.T) {
	page, script := read(t, "index.html"), read(t, "app.js")
	for what, pattern := range map[string]string{
		"inline script":       `(?i)<script(>|\s+[^>]*>)\s*[^<\s]`,
		"script without src":  `(?i)<script(\s+type="[^"]*")?>`,
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
	for _, sink := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", `setAttribute("style"`, "cssText"} {
		if strings.Contains(script, sink) {
			t.Errorf("app.js uses %s", sink)
		}
	}
}

func TestPageRefersToWhatIsServed(t *testing.T) {
	page := read(t, "index.html")
	refs := regexp.MustCompile(`(?:src|href)="(/assets/[^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(refs) < 3 {
		t.Fatalf("found only %v", refs)
	}
	for _, ref := range refs {
		if _, ok := served[ref[1]]; !ok {
			t.Errorf("index.html refers to %s, which is not served", ref[1])
		}
	}
}

// A mistyped id would only show in a browser.
func TestScriptFindsItsElements(t *testing.T) {
	page, script := read(t, "index.html"), read(t, "app.js")
	ids := regexp.MustCompile(`\$\("([^"]+)"\)`).FindAllStringSubmatch(script, -1)
	classes := regexp.MustCompile(`part\("([^"]+)"\)`).FindAllStringSubmatch(script, -1)
	if len(ids) == 0 || len(classes) == 0 {
		t.Fatal("found no element in app.js")
	}
	for _, id := range ids {
		if !strings.Contains(page, `id="`+id[1]+`"`) {
			t.Errorf("index.html has no element with the id %q", id[1])
		}
	}
	for _, class := range classes {
		if !regexp.MustCompile(`class="([^"]* )?` + class[1] + `( [^"]*)?"`).MatchString(page) {
			t.Errorf("index.html has no element with the class %q", class[1])
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
