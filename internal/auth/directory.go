package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/mirror"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Directory knows the live API keys, from memory. It is safe for concurrent use.
type Directory struct {
	db     *sqlx.DB
	valkey *scripts.Valkey
	log    *slog.Logger
	now    func() time.Time

	table mirror.Table[[]store.APIKey]
	list  atomic.Pointer[list] // nil until Start

	mu          sync.Mutex     // guards what follows, of which list is made
	base        []store.APIKey // the contents of the table
	encoded     []byte         // the copy of the live keys of base for Valkey; nil: not made yet
	revoked     map[uuid.UUID]revocation
	uses        map[uuid.UUID]*use
	refreshedAt time.Time // when the last refresh that succeeded began
}

// list is one state of the directory.
type list struct {
	byHash map[[indexed]byte]*entry
	byID   map[uuid.UUID]*entry
}

// indexed is how many bytes of a hash find its entry. The rest is compared in constant time.
const indexed = 16

// entry is a live key.
type entry struct {
	hash       [sha256.Size]byte
	sessionKey ed25519.PublicKey
	who        Principal
	use        *use
}

// revocation says when a key was revoked, and when this process learned that.
type revocation struct{ at, learned time.Time }

// NewDirectory returns a directory that knows no key; Start fills it.
func NewDirectory(
	db *sqlx.DB, valkey *scripts.Valkey, log *slog.Logger, now func() time.Time,
) *Directory {
	d := &Directory{db: db, valkey: valkey, log: log, now: now,
		revoked: map[uuid.UUID]revocation{}, uses: map[uuid.UUID]*use{}}
	d.table.Log, d.table.What = log, "API keys"
	d.table.Version = func(ctx context.Context) (int64, error) {
		return store.APIKeysVersion(ctx, db)
	}
	d.table.Load = func(ctx context.Context) ([]store.APIKey, []store.OddRow, error) {
		return store.LiveAPIKeys(ctx, db, now())
	}
	d.table.LoadCopy, d.table.Use = d.loadCopy, d.use
	return d
}

// Loaded reports whether the directory has been filled. Until then it knows no key.
func (d *Directory) Loaded() bool { return d.list.Load() != nil }

// Len is the number of keys.
func (d *Directory) Len() int {
	if now := d.list.Load(); now != nil {
		return len(now.byID)
	}
	return 0
}

// Unreadable is the number of keys that do not work because their row cannot be read.
func (d *Directory) Unreadable() int { return d.table.Unreadable() }

// nobody is compared with if no key has the hash, so that a miss does the same work as a hit.
var nobody = &entry{}

// find returns the live key that text is, or nil.
func (d *Directory) find(text string) *entry {
	now := d.list.Load()
	if now == nil || len(text) > maxKey {
		return nil
	}
	// A copy on the stack. The checksum is not checked, so every wrong key, including one with a
	// typing error, takes the same time.
	var key [maxKey]byte
	hash := sha256.Sum256(key[:copy(key[:], text)])
	e, ok := now.byHash[[indexed]byte(hash[:])]
	if !ok {
		e = nobody
	}
	if subtle.ConstantTimeCompare(hash[:], e.hash[:]) != 1 {
		return nil
	}
	return d.live(e)
}

// byID returns the live key of that id, or nil.
func (d *Directory) byID(id uuid.UUID) *entry {
	now := d.list.Load()
	if now == nil {
		return nil
	}
	return d.live(now.byID[id])
}

// live returns e, or nil if it has expired.
func (d *Directory) live(e *entry) *entry {
	if e == nil || !e.who.Expires.IsZero() && !d.now().Before(e.who.Expires) {
		return nil
	}
	return e
}

// rebuild makes the list from the known keys. It leaves out a key that was made in open mode,
// because any caller could have made it. d.mu must be held.
func (d *Directory) rebuild() {
	next := &list{byHash: make(map[[indexed]byte]*entry, len(d.base)),
		byID: make(map[uuid.UUID]*entry, len(d.base))}
	uses := make(map[uuid.UUID]*use, len(d.base))
	for _, k := range d.base {
		scope := ScopeOf(k)
		_, gone := d.revoked[k.ID]
		if gone || k.OpenMode || scope == 0 || len(k.Hash) != sha256.Size ||
			len(k.SessionKey) != ed25519.PublicKeySize {
			continue
		}
		e := &entry{hash: [sha256.Size]byte(k.Hash), sessionKey: k.SessionKey, use: d.uses[k.ID],
			who: Principal{Scope: scope, Tenant: k.Tenant.String, KeyID: k.ID, Rate: k.Rate(),
				Expires: k.ExpiresAt.Time, Kind: "key"}}
		if e.use == nil {
			e.use = &use{}
		}
		uses[k.ID] = e.use
		next.byHash[[indexed]byte(k.Hash)] = e
		next.byID[k.ID] = e
	}
	d.uses, d.encoded = uses, nil
	d.list.Store(next)
}
