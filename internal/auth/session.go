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

// A session is a cookie: the id of a key and the second at which the session ends, signed by the
// pair derived from the key. A reader of the stores can verify a session, but not make one.
const (
	sessionMessage = "flagmeter browser session v1\n"
	sessionBody    = 16 + 8
	sessionLength  = sessionBody + ed25519.SignatureSize
)

// The cookie's name. Browsers accept the first only over https, and from no other host.
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

// session returns the principal of a session cookie, or nil.
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

// newCookie returns the session's cookie, which a browser keeps for that long; an empty value
// removes it. A secure one is sent over TLS only.
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

// secure reports whether a browser must send its cookie over TLS only. PUBLIC_URL decides: the Host
// that arrives here may be the one that a proxy uses.
func (g *Gate) secure(r *http.Request) bool {
	switch g.scheme {
	case "https":
		return true
	case "http":
		return false
	}
	return !local(r)
}

// local reports whether the browser used a loopback name of this machine, where there is no https
// and no network in between. A client that lies about it only removes its own protection.
func local(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return config.IsLoopback(strings.Trim(host, "[]"))
}
