package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// jwksEvery is the age at which a set is read again; a token with an unknown key id brings
	// that forward, but to no more than once in jwksPause.
	jwksEvery = 5 * time.Minute
	jwksPause = 30 * time.Second
	// jwksLimit bounds a fetch, maxJWKS what is read of it, in bytes, and maxKeys what is kept.
	jwksLimit = 10 * time.Second
	maxJWKS   = 1 << 20
	maxKeys   = 100
)

// keySet are the public keys of whoever signs tokens, from a file or a URL. What it has stays
// in force while a new set cannot be had.
type keySet struct {
	source string
	client *http.Client
	keys   atomic.Pointer[[]publicKey]
	asked  chan struct{} // has a value when a token named a key that is not there
}

// publicKey is a key with the one algorithm that it is used for.
type publicKey struct {
	id, alg string
	key     any
}

func newKeySet(source string) *keySet {
	s := &keySet{source: source, asked: make(chan struct{}, 1), client: &http.Client{Timeout: jwksLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it leads elsewhere") }}}
	s.keys.Store(new([]publicKey))
	return s
}

func (s *keySet) remote() bool {
	return strings.HasPrefix(s.source, "https://") || strings.HasPrefix(s.source, "http://")
}

// start reads a file, for a mistake there should be known at once.
func (s *keySet) start() error {
	if s.remote() {
		return nil
	}
	return s.read(context.Background())
}

// find returns the key of that id for an algorithm, or nil. A token that names none is taken
// for signed with the only key of its algorithm.
func (s *keySet) find(id string, named bool, alg string) any {
	var found any
	for _, k := range *s.keys.Load() {
		if k.alg != alg || named && k.id != id {
			continue
		}
		if found != nil { // which of them is anybody's guess
			return nil
		}
		found = k.key
	}
	if found == nil {
		select {
		case s.asked <- struct{}{}:
		default: // somebody else has asked
		}
	}
	return found
}

// keep reads the set again and again until ctx is done.
func (s *keySet) keep(ctx context.Context, log *slog.Logger) {
	failing := false
	for {
		err := s.read(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			log.Warn("the keys of tokens cannot be read: those known before stay in force", "error", err)
		}
		failing = err != nil
		select { // no two reads within a pause, whatever tokens say
		case <-ctx.Done():
			return
		case <-time.After(jwksPause):
		}
		select {
		case <-ctx.Done():
			return
		case <-s.asked:
		case <-time.After(s.age(failing)):
		}
	}
}

// age is how long a set is left alone behind the pause: a file costs nothing to read.
func (s *keySet) age(failing bool) time.Duration {
	if failing || !s.remote() {
		return 0
	}
	return jwksEvery - jwksPause
}

// read puts the set as it is now in force.
func (s *keySet) read(ctx context.Context) error {
	text, err := s.load(ctx)
	if err != nil {
		return err
	}
	keys, err := parseKeys(text)
	if err != nil {
		return fmt.Errorf("JWT_JWKS: %w", err)
	}
	s.keys.Store(&keys)
	return nil
}

func (s *keySet) load(ctx context.Context) ([]byte, error) {
	if !s.remote() {
		text, err := os.ReadFile(s.source)
		if err != nil {
			return nil, fmt.Errorf("read JWT_JWKS: %w", err)
		}
		return text, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.source, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch JWT_JWKS: %w", err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch JWT_JWKS: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxJWKS+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetch JWT_JWKS: %w", err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("fetch JWT_JWKS: status %d", resp.StatusCode)
	}
	return text, nil
}

// parseKeys takes those keys of a set that can check tokens, and leaves out all others: sets
// hold keys for encryption, too, and kinds that we do not know.
func parseKeys(text []byte) ([]publicKey, error) {
	if len(text) > maxJWKS {
		return nil, fmt.Errorf("a set of keys has at most %d bytes", maxJWKS)
	}
	var set struct {
		Keys *[]jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("it is no set of keys: %w", err)
	}
	if set.Keys == nil {
		return nil, errors.New("it is no set of keys: it has no member keys")
	}
	if len(*set.Keys) > maxKeys {
		return nil, fmt.Errorf("a set has at most %d keys", maxKeys)
	}
	var keys []publicKey
	for _, text := range *set.Keys {
		var k jwkset.JWKMarshal
		if err := json.Unmarshal(text, &k); err != nil {
			continue
		}
		if k.USE != "" && k.USE != jwkset.UseSig {
			continue
		}
		// The certificate is not what is trusted, and its address must not be looked up.
		k.X5U, k.X5C, k.X5T, k.X5TS256 = "", nil, "", ""
		parsed, err := jwkset.NewJWKFromMarshal(k, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			continue
		}
		if alg := algorithm(parsed.Key()); alg != "" && (k.ALG == "" || k.ALG.String() == alg) {
			keys = append(keys, publicKey{id: k.KID, alg: alg, key: parsed.Key()})
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no public key for EdDSA, ES256 or RS256")
	}
	return keys, nil
}

// Keep keeps the keys of tokens fresh until ctx is done.
func (t *Tokens) Keep(ctx context.Context, log *slog.Logger) {
	if t != nil && t.keys != nil {
		t.keys.keep(ctx, log)
	}
}
