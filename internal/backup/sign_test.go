package backup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keys makes a pair of keys.
func keys(t *testing.T) (*Signer, Trust, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	public, err := MakeKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := MakeKeys(path); err == nil {
		t.Error("a key that is in use is overwritten")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key has mode %v, %v", info.Mode(), err)
	}
	private, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewSigner(strings.TrimSpace(string(private)))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	// as it is printed, and as it is kept
	for _, text := range []string{public, strings.TrimSpace(string(file))} {
		if _, err := NewTrust(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	trust, err := NewTrust(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, trust, string(private)
}

// TestATamperedBackupIsNotRestored does what somebody can who may write where backups are kept. A
// SHA-256 alone stops none of it, since that is kept there too.
func TestATamperedBackupIsNotRestored(t *testing.T) {
	env := filled(t)
	signer, trust, _ := keys(t)
	other, _, _ := keys(t)
	made := func(by *Signer) (directory, Manifest) {
		t.Helper()
		d := directory{filepath.Join(t.TempDir(), "backups")}
		if _, err := (Source{URL: env.OwnerURL, Program: "v1", Signer: by}).Make(t.Context(),
			d); err != nil {
			t.Fatal(err)
		}
		m, err := Find(t.Context(), d, "latest")
		if err != nil {
			t.Fatal(err)
		}
		return d, m
	}
	d, m := made(signer)
	if err := Restore(t.Context(), d, m, trust, empty(t, env)); err != nil {
		t.Errorf("a signed backup: %v", err)
	}
	rewrite := func(d directory, name string, old, new string) {
		t.Helper()
		path := filepath.Join(d.path, name)
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte(old)) {
			t.Fatalf("%s has no %q, %v", name, old, err)
		}
		if err := os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(new), 1),
			0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		by     *Signer
		tamper func(d directory, m Manifest)
	}{
		"no signature":        {nil, func(directory, Manifest) {}},
		"another's signature": {other, func(directory, Manifest) {}},
		"its signature removed": {signer, func(d directory, m Manifest) {
			os.Remove(filepath.Join(d.path, m.Name+signatureSuffix))
		}},
		"another manifest": {signer, func(d directory, m Manifest) {
			rewrite(d, m.Name+manifestSuffix, `"tenants": 3`, `"tenants": 2`)
		}},
		"another dump with its SHA-256": {signer, func(d directory, m Manifest) {
			if _, err := env.DB.Exec("UPDATE tenants SET billing_day = 7"); err != nil {
				t.Fatal(err)
			}
			from, theirs := made(nil)
			dump, err := os.ReadFile(filepath.Join(from.path, theirs.Name+dumpSuffix))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(d.path, m.Name+dumpSuffix), dump, 0o600); err != nil {
				t.Fatal(err)
			}
			rewrite(d, m.Name+manifestSuffix, m.SHA256, theirs.SHA256)
			rewrite(d, m.Name+manifestSuffix, fmt.Sprintf(`"size": %d,`, m.Size),
				fmt.Sprintf(`"size": %d,`, theirs.Size))
		}},
		"an older one under its name": {signer, func(d directory, m Manifest) {
			old, older := made(signer)
			for _, suffix := range []string{dumpSuffix, manifestSuffix, signatureSuffix} {
				text, err := os.ReadFile(filepath.Join(old.path, older.Name+suffix))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(d.path, m.Name+suffix), bytes.ReplaceAll(text,
					[]byte(`"`+older.Name+`"`), []byte(`"`+m.Name+`"`)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d, m := made(c.by)
			c.tamper(d, m)
			found, err := Find(t.Context(), d, m.Name)
			if err != nil {
				t.Fatal(err)
			}
			to := empty(t, env)
			if err := Restore(t.Context(), d, found, trust, to); !errors.Is(err, ErrSignature) {
				t.Errorf("restore: %v", err)
			}
			n := count(t, to, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
			if n != 0 {
				t.Errorf("%d relations were made", n)
			}
			if _, err := Verify(t.Context(), d, found, trust, ""); !errors.Is(err, ErrSignature) {
				t.Errorf("verify: %v", err)
			}
		})
	}
	change(t, filepath.Join(d.path, m.Name+dumpSuffix))
	if err := Restore(t.Context(), d, m, trust, empty(t, env)); !errors.Is(err, ErrChecksum) {
		t.Errorf("a changed dump: %v", err)
	}
}

func TestKeysAreRefusedWithoutBeingShown(t *testing.T) {
	_, _, private := keys(t)
	if _, err := NewTrust(private); err == nil || strings.Contains(err.Error(), private[:40]) {
		t.Errorf("a private key as the public one: %v", err)
	}
	if _, err := NewSigner("canary"); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("no key: %v", err)
	}
	if s, err := NewSigner(""); s != nil || err != nil {
		t.Errorf("none: %v, %v", s, err)
	}
}
