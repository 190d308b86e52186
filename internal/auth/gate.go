package auth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

var (
	// ErrUnauthorized reports that no credential is valid now. It gives no reason, so that no
	// answer can reveal one by mistake.
	ErrUnauthorized = errors.New("no valid credential")
	// ErrCrossOrigin reports a change requested by a page of another origin.
	ErrCrossOrigin = errors.New("asked for by a page of another origin")
	// ErrNotReady reports that the keys are not known yet.
	ErrNotReady = errors.New("the API keys are not known yet")
)

// SubProtocol is what a WebSocket names. With TokenProtocol it also names a credential, because a
// browser cannot send other headers.
const (
	SubProtocol   = "flagmeter"
	TokenProtocol = "bearer."
)

// maxToken is the length up to which a token is read, in bytes.
const maxToken = 8 << 10

// Gate identifies the caller of a request. It is safe for concurrent use.
type Gate struct {
	keys   *Directory
	tokens *Tokens // nil: no tokens are accepted
	scheme string  // by which browsers come; "": each request shows it
	origin http.CrossOriginProtection
}

// NewGate returns a gate for the keys of a directory and for tokens, unless those are nil.
// publicURL is where browsers reach the server, "" if that is not known.
func NewGate(keys *Directory, tokens *Tokens, publicURL string) *Gate {
	g := &Gate{keys: keys, tokens: tokens}
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		g.scheme = u.Scheme
		// The Host that a proxy sends may differ from the browser's.
		_ = g.origin.AddTrustedOrigin(u.Scheme + "://" + u.Host) // it is a valid origin
	}
	return g
}

// Loaded reports whether the gate knows its keys. Until then every caller gets ErrNotReady.
func (g *Gate) Loaded() bool { return g.keys.Loaded() }

// KeysAge is Tokens.KeysAge of the tokens that are taken; 0 without a gate.
func (g *Gate) KeysAge() time.Duration {
	if g == nil {
		return 0
	}
	return g.tokens.KeysAge()
}

// Authenticate returns who makes a request, from memory alone: ErrNotReady, ErrUnauthorized
// or ErrCrossOrigin if it must be refused.
func (g *Gate) Authenticate(r *http.Request) (*Principal, error) {
	if !g.keys.Loaded() {
		return nil, ErrNotReady
	}
	credential, given := bearer(r)
	if given {
		return g.credential(credential)
	}
	c, err := r.Cookie(cookieName(g.secure(r)))
	if err != nil {
		return nil, ErrUnauthorized
	}
	who := g.keys.session(c.Value)
	if who == nil {
		return nil, ErrUnauthorized
	}
	if g.origin.Check(r) != nil { // browsers send the cookie whatever page makes the request
		return nil, ErrCrossOrigin
	}
	return who, nil
}

// credential returns the principal of a key or a token.
func (g *Gate) credential(text string) (*Principal, error) {
	switch {
	case len(text) > maxToken:
	case strings.HasPrefix(text, keyPrefix):
		if e := g.keys.find(text); e != nil {
			e.use.touch(g.keys.now())
			return &e.who, nil
		}
	case g.tokens != nil:
		if who := g.tokens.verify(text); who != nil {
			return who, nil
		}
	}
	return nil, ErrUnauthorized
}

// bearer returns the credential in the headers of a request, and whether there is one: a cookie
// does not make up for a wrong one.
func bearer(r *http.Request) (text string, given bool) {
	if headers := r.Header["Authorization"]; len(headers) > 0 {
		scheme, text, _ := strings.Cut(headers[0], " ")
		if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") {
			return "", true
		}
		return strings.TrimLeft(text, " "), true
	}
	for _, header := range r.Header["Sec-Websocket-Protocol"] {
		for name := range strings.SplitSeq(header, ",") {
			if text, ok := strings.CutPrefix(strings.TrimSpace(name), TokenProtocol); ok {
				return text, true
			}
		}
	}
	return "", false
}

// Still reports whether a principal that Authenticate has returned may go on: anything that
// outlasts a request must ask again.
func (g *Gate) Still(who *Principal) bool {
	if !who.Expires.IsZero() && !g.keys.now().Before(who.Expires) {
		return false
	}
	if who.Kind == "token" {
		return g.tokens.stillValid(who)
	}
	e := g.keys.byID(who.KeyID)
	return e != nil && e.who.Scope == who.Scope && e.who.Tenant == who.Tenant
}

// Key returns what a live key may do, and whether there is one of that id.
func (g *Gate) Key(id uuid.UUID) (Principal, bool) {
	e := g.keys.byID(id)
	if e == nil {
		return Principal{}, false
	}
	return e.who, true
}

// SignIn begins a session for the key in the Authorization header. It sets the cookie and returns
// the principal, or returns an error of Authenticate. Tokens cannot sign in.
func (g *Gate) SignIn(w http.ResponseWriter, r *http.Request) (*Principal, error) {
	if !g.keys.Loaded() {
		return nil, ErrNotReady
	}
	if g.origin.Check(r) != nil {
		return nil, ErrCrossOrigin
	}
	text, _ := bearer(r)
	e := g.keys.find(text)
	if e == nil {
		return nil, ErrUnauthorized
	}
	e.use.touch(g.keys.now())
	who := e.who
	if !who.May(ToRead) { // the key may not see anything
		return &who, nil
	}
	who.Kind = "session"
	ends := g.keys.now().Add(SessionLength).Truncate(time.Second)
	if who.Expires.IsZero() || ends.Before(who.Expires) {
		who.Expires = ends
	}
	value, err := startSession(text, who.KeyID, who.Expires)
	if err != nil {
		return nil, err
	}
	http.SetCookie(w, newCookie(g.secure(r), value, who.Expires.Sub(g.keys.now())))
	return &who, nil
}

// SignOut removes the cookie. It returns ErrCrossOrigin if a page of another origin asks.
func (g *Gate) SignOut(w http.ResponseWriter, r *http.Request) error {
	if g.origin.Check(r) != nil {
		return ErrCrossOrigin
	}
	http.SetCookie(w, newCookie(g.secure(r), "", 0))
	return nil
}
