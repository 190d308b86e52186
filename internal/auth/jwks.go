package auth

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eduardosanzb/flagmeter/internal/loop"
)

const (
	// jwksEvery is the age at which a set is read again. A token with an unknown key id causes an
	// earlier read, but at most one per jwksPause.
	jwksEvery = 5 * time.Minute
	jwksPause = 30 * time.Second
	// jwksLimit bounds a fetch, maxJWKS the bytes that are read, and maxKeys the keys that are
	// kept.
	jwksLimit = 10 * time.Second
	maxJWKS   = 1 << 20
	maxKeys   = 100
)

// keySet holds the public keys of the issuer of tokens, from a file or a URL. Its keys stay in
// force while a new set cannot be read, but not for longer than maxAge. A set that is read and has
// no key ends all tokens.
type keySet struct {
	source string
	maxAge time.Duration // 0: for ever
	made   time.Time     // when the process first wanted the set
	client *http.Client
	read   atomic.Pointer[readSet]
	asked  chan struct{} // has a value if a token named an unknown key
}

// readSet is a set, and when its reading began.
type readSet struct {
	keys []*publicKey
	at   time.Time
}

// publicKey is a key with the one algorithm that it is used for.
type publicKey struct {
	id, alg string
	key     any
}

// is reports whether two keys are the same, whatever their ids.
func (k *publicKey) is(other *publicKey) bool {
	own, ok := k.key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.alg == other.alg && own.Equal(other.key)
}

func newKeySet(source string, maxAge time.Duration) *keySet {
	s := &keySet{source: source, maxAge: maxAge, made: time.Now(), asked: make(chan struct{}, 1),
		client: &http.Client{Timeout: jwksLimit,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return errors.New("it leads elsewhere")
			}}}
	s.read.Store(new(readSet))
	return s
}

func (s *keySet) remote() bool {
	return strings.HasPrefix(s.source, "https://") || strings.HasPrefix(s.source, "http://")
}

// start reads a file, so that a mistake is reported at once.
func (s *keySet) start() error {
	if s.remote() {
		return nil
	}
	return s.renew(context.Background())
}

// stale reports whether the set is older than it may be. One that was never read has no key.
func (s *keySet) stale() bool {
	at := s.read.Load().at
	return s.maxAge > 0 && !at.IsZero() && time.Since(at) > s.maxAge
}

// sinceRead is the time since the last successful read began, or since the process first wanted the
// set.
func (s *keySet) sinceRead() time.Duration {
	at := s.read.Load().at
	if at.IsZero() {
		at = s.made
	}
	return time.Since(at)
}

// live returns the keys that are in force now.
func (s *keySet) live() []*publicKey {
	if s.stale() {
		return nil
	}
	return s.read.Load().keys
}

// has reports whether a key is in force now.
func (s *keySet) has(key *publicKey) bool { return slices.ContainsFunc(s.live(), key.is) }

// find returns the key of that id for an algorithm, or nil. A token without a key id must be signed
// with the only key of its algorithm.
func (s *keySet) find(id string, named bool, alg string) *publicKey {
	var found *publicKey
	for _, k := range s.live() {
		if k.alg != alg || named && k.id != id {
			continue
		}
		if found != nil { // the token does not say which of them
			return nil
		}
		found = k
	}
	if found == nil {
		select {
		case s.asked <- struct{}{}:
		default: // another goroutine has asked
		}
	}
	return found
}

// keep reads the set again and again until ctx is done.
func (s *keySet) keep(ctx context.Context, log *slog.Logger) {
	ended, empty := false, false
	health := loop.Health{Log: log, Level: slog.LevelWarn,
		Failing: "the keys of tokens cannot be read: those known before stay in force for " +
			s.maxAge.String(),
		Working: "the keys of tokens can be read again"}
	for {
		err := s.renew(ctx)
		if ctx.Err() != nil {
			return
		}
		health.Note(ctx, err)
		failing := health.IsFailing()
		if stale := failing && s.stale(); stale != ended {
			if ended = stale; stale {
				log.Error("the keys of tokens are too old: tokens signed by them are refused",
					"after", s.maxAge.String(), "error", err)
			}
		}
		if none := !failing && len(s.live()) == 0; none != empty {
			if empty = none; none {
				log.Warn("the set of keys of tokens is empty: tokens signed by a key are refused")
			}
		}
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

// age is the time between the pause and the next read; reading a file costs nothing.
func (s *keySet) age(failing bool) time.Duration {
	if failing || !s.remote() {
		return 0
	}
	return jwksEvery - jwksPause
}

// renew reads the set and puts it in force.
func (s *keySet) renew(ctx context.Context) error {
	began := time.Now()
	text, err := s.load(ctx)
	if err != nil {
		return err
	}
	keys, err := parseKeys(text)
	if err != nil {
		return fmt.Errorf("JWT_JWKS: %w", err)
	}
	s.read.Store(&readSet{keys, began})
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

// parseKeys returns the keys of a set that can verify tokens, and ignores all others: sets also
// hold keys for encryption, and kinds that we do not know. The result may be empty: that is how an
// issuer revokes all its tokens.
func parseKeys(text []byte) ([]*publicKey, error) {
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
	var keys []*publicKey
	for _, text := range *set.Keys {
		var k jwkset.JWKMarshal
		if err := json.Unmarshal(text, &k); err != nil {
			continue
		}
		if k.USE != "" && k.USE != jwkset.UseSig {
			continue
		}
		// The certificate is not trusted, and its address must not be fetched.
		k.X5U, k.X5C, k.X5T, k.X5TS256 = "", nil, "", ""
		parsed, err := jwkset.NewJWKFromMarshal(k, jwkset.JWKMarshalOptions{},
			jwkset.JWKValidateOptions{})
		if err != nil {
			continue
		}
		if alg := algorithm(parsed.Key()); alg != "" && (k.ALG == "" || k.ALG.String() == alg) {
			keys = append(keys, &publicKey{id: k.KID, alg: alg, key: parsed.Key()})
		}
	}
	return keys, nil
}

// KeysAge is the age of the set of public keys that verify tokens, 0 without JWKS.
func (t *Tokens) KeysAge() time.Duration {
	if t == nil || t.keys == nil {
		return 0
	}
	return t.keys.sinceRead()
}

// Keep keeps the keys of tokens fresh until ctx is done.
func (t *Tokens) Keep(ctx context.Context, log *slog.Logger) {
	if t != nil && t.keys != nil {
		t.keys.keep(ctx, log)
	}
}
