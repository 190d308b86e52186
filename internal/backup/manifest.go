package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Manifest says what a backup is.
type Manifest struct {
	Name string `json:"name"`
	// Taken is when the snapshot was made, by the clock of Postgres.
	Taken time.Time `json:"taken"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
	// Program is the version of flagmeter that made it, Postgres that of the server.
	Program  string `json:"program"`
	Postgres string `json:"postgres"`
	// Migrations are those applied, in order.
	Migrations []string `json:"migrations"`
	// Size is that of the dump in bytes, SHA256 its digest in hex.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Sums   Sums   `json:"sums"`

	text []byte // as it was read, which is what was signed
}

// The two objects of a backup.
const (
	dumpSuffix     = ".dump"
	manifestSuffix = ".json"
)

// manifestLimit bounds the size of a manifest, in bytes. One of 1,024 shards takes 30 KB.
const manifestLimit = 1 << 20

// ErrNone reports a target without the backup that was asked for.
var ErrNone = errors.New("no such backup")

// numbers lets a json.Number, which the decoder takes for a string, be a number of any size.
var numbers = strict.WithUnmarshalers(
	strict.UnmarshalFromFunc(func(d *jsontext.Decoder, n *json.Number) error {
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		if value.Kind() != '0' {
			return fmt.Errorf("%s is not a number", value)
		}
		*n = json.Number(value)
		return nil
	}))

// readManifest reads the manifest of a backup.
func readManifest(ctx context.Context, t Target, name string) (m Manifest, err error) {
	r, err := t.Open(ctx, name+manifestSuffix)
	if err != nil {
		return m, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, manifestLimit))
	if err != nil {
		return m, fmt.Errorf("read manifest of %s: %w", name, err)
	}
	if err := strict.Unmarshal(text, &m, numbers); err != nil {
		return m, fmt.Errorf("read manifest of %s: %w", name, err)
	}
	m.text = text
	if m.Name != name || m.SHA256 == "" {
		return m, fmt.Errorf("manifest of %s is of something else", name)
	}
	return m, nil
}

// write stores the manifest, after its signature if there is one: what has a manifest is whole.
func (m Manifest) write(ctx context.Context, t Target, by *Signer) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	text = append(text, '\n')
	if err := by.sign(ctx, t, m.Name, text); err != nil {
		return err
	}
	return t.Put(ctx, m.Name+manifestSuffix, bytes.NewReader(text))
}

// Backup is one that a target has.
type Backup struct {
	Manifest
	// Fault says why it is not good, nil if nothing is wrong as far as one can tell without
	// reading the dump.
	Fault error
}

// List returns the backups of a target, oldest first.
func List(ctx context.Context, t Target) ([]Backup, error) {
	files, err := t.List(ctx)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, f := range files {
		sizes[f.Name] = f.Size
	}
	var all []Backup
	for _, f := range files { // names begin with the time
		name, ok := strings.CutSuffix(f.Name, manifestSuffix)
		if !ok || !isName.MatchString(name) {
			continue
		}
		b := Backup{Manifest: Manifest{Name: name}}
		m, err := readManifest(ctx, t, name)
		size, there := sizes[name+dumpSuffix]
		switch {
		case err != nil:
			b.Fault = err
		case !there:
			b.Manifest, b.Fault = m, errors.New("its dump is missing")
		case size != m.Size:
			b.Manifest, b.Fault = m, fmt.Errorf("its dump has %d bytes, not %d", size, m.Size)
		default:
			b.Manifest = m
		}
		all = append(all, b)
	}
	return all, nil
}

// Find returns the backup of that name; "latest" is the newest good one.
func Find(ctx context.Context, t Target, name string) (Manifest, error) {
	all, err := List(ctx, t)
	if err != nil {
		return Manifest{}, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		switch b := all[i]; {
		case name == b.Name && b.Fault != nil:
			return Manifest{}, fmt.Errorf("backup %s is damaged: %w", name, b.Fault)
		case name == b.Name, name == "latest" && b.Fault == nil:
			return b.Manifest, nil
		}
	}
	return Manifest{}, fmt.Errorf("%w: %s ('flagmeter backup list' shows those that there are)",
		ErrNone, name)
}
