package httpd

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// What is read and dropped of a request that was answered before its body had arrived. Many
// clients (Python's http.client, Perl's LWP) send a whole body before they read an answer, and
// never see it if the connection is reset under them: they would take a 413 for a broken line,
// and send the same again.
const (
	lingerBytes = 32 << 20
	lingerTime  = 10 * time.Second
	// lingerRequests is how many requests of a server are treated so at once: each takes 8 kB.
	lingerRequests = 256
	// dropsItself is what net/http itself reads and drops, and longer bodies are wrapped.
	dropsItself = 256 << 10
)

// lingering reads and drops, after an answer of next, what is still to come of a body, within
// the bounds above. The answer is sent before.
func lingering(next http.Handler) http.Handler {
	var now atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength >= 0 && r.ContentLength <= dropsItself {
			next.ServeHTTP(w, r)
			return
		}
		body := &upload{ReadCloser: r.Body}
		own := *r // net/http looks at the body of r, and drops another kind before it answers
		own.Body = body
		next.ServeHTTP(w, &own)
		// A client that expects to be told to go on sends nothing: it was told not to.
		if body.ended || !body.begun && r.Header.Get("Expect") != "" {
			return
		}
		defer now.Add(-1)
		if now.Add(1) > lingerRequests {
			return
		}
		control := http.NewResponseController(w)
		if control.Flush() != nil || control.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
			return
		}
		_, _ = io.CopyN(io.Discard, body, lingerBytes) // the client has its answer, whatever comes
	})
}

// upload notices how far a body was read.
type upload struct {
	io.ReadCloser
	begun, ended bool
}

func (u *upload) Read(p []byte) (int, error) {
	u.begun = true
	n, err := u.ReadCloser.Read(p)
	u.ended = u.ended || err != nil
	return n, err
}
