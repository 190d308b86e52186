package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"aead.dev/minisign"
)

// signatureSuffix is behind the name of a backup's signature: that of its manifest, which has the
// dump's SHA-256, by minisign (Ed25519). The program minisign can check it as well.
const signatureSuffix = manifestSuffix + ".minisig"

// ErrSignature reports a backup that was not signed by the key that is trusted.
var ErrSignature = errors.New(
	"the backup is not what was signed, or nobody has signed it: do not restore it")

// Trust is whose backups are believed. The zero Trust believes the target.
type Trust struct{ key *minisign.PublicKey }

// NewTrust reads a public key as `flagmeter backup key` and minisign write it, with its comment or
// without; "" is the zero Trust.
func NewTrust(text string) (Trust, error) {
	if text == "" {
		return Trust{}, nil
	}
	key := new(minisign.PublicKey)
	if err := key.UnmarshalText([]byte(text)); err != nil {
		return Trust{}, errors.New("BACKUP_VERIFY_KEY is not a public key of minisign")
	}
	return Trust{key}, nil
}

// Signed reports whether signatures are asked for.
func (t Trust) Signed() bool { return t.key != nil }

// Check returns ErrSignature unless the manifest was signed by the key, just as it was read; nil if
// none is asked for.
func (t Trust) Check(ctx context.Context, from Target, m Manifest) error {
	if t.key == nil {
		return nil
	}
	r, err := from.Open(ctx, m.Name+signatureSuffix)
	if errors.Is(err, ErrNone) {
		return fmt.Errorf("%w (%s has no signature)", ErrSignature, m.Name)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	signature, err := io.ReadAll(io.LimitReader(r, manifestLimit))
	if err != nil {
		return fmt.Errorf("read signature of %s: %w", m.Name, err)
	}
	if !minisign.Verify(*t.key, m.text, signature) {
		return fmt.Errorf("%w (%s)", ErrSignature, m.Name)
	}
	return nil
}

// Signer signs backups; nil signs none.
type Signer struct{ key minisign.PrivateKey }

// NewSigner reads a private key as `flagmeter backup key` writes it; "" is nil.
func NewSigner(text string) (*Signer, error) {
	if text == "" {
		return nil, nil
	}
	s := new(Signer)
	if minisign.IsEncrypted([]byte(text)) {
		return nil, errors.New("BACKUP_SIGN_KEY is protected by a password, which nobody could type:" +
			" make one by 'flagmeter backup key'")
	}
	if err := s.key.UnmarshalText([]byte(text)); err != nil {
		return nil, errors.New("BACKUP_SIGN_KEY is not a private key of minisign") // and is not quoted
	}
	return s, nil
}

// sign stores the signature of a manifest.
func (s *Signer) sign(ctx context.Context, t Target, name string, manifest []byte) error {
	if s == nil {
		return nil
	}
	text := minisign.SignWithComments(s.key, manifest, "flagmeter backup "+name,
		"signature of "+name+manifestSuffix)
	return t.Put(ctx, name+signatureSuffix, bytes.NewReader(text))
}

// MakeKeys makes a pair of keys: the private one in a new file that only its owner can read, the
// public one in the same name with .pub behind it. It returns the public one.
func MakeKeys(path string) (public string, err error) {
	pub, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	secret, err := private.MarshalText()
	if err != nil {
		return "", errors.New("make a key: it cannot be encoded")
	}
	text, err := pub.MarshalText()
	if err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	for name, content := range map[string][]byte{path: secret, path + ".pub": text} {
		// a key that is there is in use
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return "", fmt.Errorf("keep the key: %w", err)
		}
		_, err = f.Write(append(content, '\n'))
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return "", fmt.Errorf("keep the key: %w", err)
		}
	}
	return pub.String(), nil
}
