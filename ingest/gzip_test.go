package ingest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// packed is text as a gzip stream.
func packed(tb testing.TB, text string) string {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, text); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

// postCoded sends a body with a Content-Encoding, in chunks unless sized.
func (a *api) postCoded(coding, body string, sized bool) response {
	a.Helper()
	var src io.Reader = strings.NewReader(body)
	if !sized {
		src = struct{ io.Reader }{src}
	}
	req, err := http.NewRequestWithContext(a.Context(), "POST", a.url+"/events", src)
	if err != nil {
		a.Fatal(err)
	}
	req.Header.Set("Content-Type", jsonType)
	req.Header.Set("Content-Encoding", coding)
	r, err := a.send(req)
	if err != nil {
		a.Fatal(err)
	}
	return r
}

func TestGzipIsCountedAsWhatItHolds(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	event := acme(1, "")
	exactly := event + strings.Repeat(" ", meter.MaxBody-len(event))
	for i, body := range []string{event, "[" + strings.Repeat(event+",", 999) + event + "]", exactly} {
		for _, sized := range []bool{true, false} {
			if r := a.postCoded([]string{"gzip", "x-gzip", "GZIP"}[i], packed(t, body),
				sized); r.status != 200 {
				t.Errorf("body %d, sized %t: %d %s", i, sized, r.status, r.body)
			}
		}
	}
	if got := a.metrics()["ingest_events_total"]; got != 2*1002 {
		t.Errorf("%v events were counted, want %d", got, 2*1002)
	}
	if r := a.postCoded("identity", event, true); r.status != 200 {
		t.Errorf("identity: %d %s", r.status, r.body)
	}
}

func TestBadCodingsAreRefusedAndCountNothing(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	before := a.state()
	event := acme(1, "")
	whole := packed(t, event)
	wrongSum := []byte(whole)
	wrongSum[len(wrongSum)-8] ^= 1
	bomb := packed(t, "["+strings.Repeat(" ", 64<<20)+event+"]") // 65 kB on the wire
	for _, c := range []struct {
		name, coding, body string
		status             int
		kind               string
	}{
		{"br", "br", event, 415, "unsupported-media-type"},
		{"deflate", "deflate", event, 415, "unsupported-media-type"},
		{"twice", "gzip, gzip", packed(t, whole), 415, "unsupported-media-type"},
		{"a list", "gzip, identity", whole, 415, "unsupported-media-type"},
		{"long", strings.Repeat("x", 1000), event, 415, "unsupported-media-type"},
		{"not packed", "gzip", event, 400, "invalid-encoding"},
		{"nothing", "gzip", "", 400, "invalid-encoding"},
		{"a header only", "gzip", whole[:10], 400, "invalid-encoding"},
		{"cut off in the middle", "gzip", whole[:len(whole)/2], 400, "invalid-encoding"},
		{"without its check sum", "gzip", whole[:len(whole)-8], 400, "invalid-encoding"},
		{"cut off in its check sum", "gzip", whole[:len(whole)-1], 400, "invalid-encoding"},
		{"with a wrong check sum", "gzip", string(wrongSum), 400, "invalid-encoding"},
		{"twice in a row", "gzip", whole + whole, 400, "invalid-encoding"},
		{"with something behind it", "gzip", whole + "\x00", 400, "invalid-encoding"},
		{"packed but not said so", "identity", whole, 400, "invalid-json"},
		{"packed nothing", "gzip", packed(t, ""), 400, "invalid-event"},
		{"a byte too much", "gzip", packed(t, event+strings.Repeat(" ", meter.MaxBody+1-len(event))), 413,
			"too-large"},
		{"a bomb", "gzip", bomb, 413, "too-large"},
		{"too large as it is sent", "gzip", strings.Repeat("x", meter.MaxBody+1), 413, "too-large"},
	} {
		for _, sized := range []bool{true, false} {
			if c.kind == "too-large" && !sized && len(c.body) > meter.MaxBody {
				continue // not gzip from its first byte on: that is said sooner
			}
			t.Run(fmt.Sprintf("%s, sized %t", c.name, sized), func(t *testing.T) {
				a := a.in(t)
				r := a.postCoded(c.coding, c.body, sized)
				a.refused(r, c.status, c.kind)
				if got := r.header.Get("Accept-Encoding"); (got == "gzip") != (c.status == 415) {
					t.Errorf("Accept-Encoding %q", got)
				}
				a.unchanged(before)
			})
		}
	}
}
