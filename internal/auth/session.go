package auth

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

// SessionLength is how long a browser stays signed in, unless its key ends before.
const SessionLength = 12 * time.Hour

// A session is a cookie: the id of a key and the second at which the session ends, signed by
// the pair that follows from the key. Whoever has read the stores can check one, not make one.
const (
	sessionMessage = "flagmeter browser session v1\n"
	sessionBody    = 16 + 8
	sessionLength  = sessionBody + ed25519.SignatureSize
)

// The cookie's name. Browsers take the first only from https, and from no other host.
const (
	secureCookie = "__Host-flagmeter"
	localCookie  = "flagmeter"
)

// startSession makes the session of a key.
func startSession(key string, id uuid.UUID, ends time.Time) (string, error) {
	private, err := sessionKey(key)
	if err != nil {
		return "", err
	}
	body := binary.BigEndian.AppendUint64(append(make([]byte, 0, sessionLength), id[:]...),
		uint64(ends.Unix()))
	signature := ed25519.Sign(private, append([]byte(sessionMessage), body...))
	return base64.RawURLEncoding.EncodeToString(append(body, signature...)), nil
}

// session returns who has signed in with the cookie, or nil.
func (d *Directory) session(value string) *Principal {
	data, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(data) != sessionLength {
		return nil
	}
	body, signature := data[:sessionBody], data[sessionBody:]
	e := d.byID(uuid.UUID(body[:16]))
	ends := time.Unix(int64(binary.BigEndian.Uint64(body[16:])), 0)
	if e == nil || !d.now().Before(ends) ||
		!ed25519.Verify(e.sessionKey, append([]byte(sessionMessage), body...), signature) {
		return nil
	}
	e.use.touch(d.now())
	who := e.who
	who.Expires, who.Kind = ends, "session"
	return &who
}

// newCookie is the session's cookie, which a browser keeps for so long; an empty value takes
// it away. A secure one goes through TLS only.
func newCookie(secure bool, value string, keep time.Duration) *http.Cookie {
	c := &http.Cookie{Name: cookieName(secure), Value: value, Path: "/", HttpOnly: true,
		Secure: secure, SameSite: http.SameSiteStrictMode}
	if c.MaxAge = int(keep / time.Second); value == "" {
		c.MaxAge = -1
	}
	return c
}

func cookieName(secure bool) string {
	if secure {
		return secureCookie
	}
	return localCookie
}

// secure reports whether a browser must send its cookie through TLS only. PUBLIC_URL says so: the
// Host that arrives here may be the one by which a proxy has reached us.
func (g *Gate) secure(r *http.Request) bool {
	switch g.scheme {
	case "https":
		return true
	case "http":
		return false
	}
	return !local(r)
}

// local reports whether the browser has asked for this machine by a name of loopback, where
// there is no https and nobody between. Whoever lies here takes the protection from himself.
func local(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return config.IsLoopback(strings.Trim(host, "[]"))
}
