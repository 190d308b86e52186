package auth

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"
)

// An API key is fm_<scope>_<43 base62 digits><6 base62 digits>: 256 random bits, and the CRC-32 of
// everything before it. The CRC lets the holder detect a typing error, and keeps a scanner for
// secrets from taking other text for a key.
const (
	keyPrefix      = "fm_"
	randomDigits   = 43 // 62^43 > 2^256
	checksumDigits = 6  // 62^6 > 2^32
	// maxKey is the length of the longest key.
	maxKey = len(keyPrefix) + len("ingest_") + randomDigits + checksumDigits
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newKey makes a key of a scope's name.
func newKey(scope string) string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	key := keyPrefix + scope + "_" + digits(new(big.Int).SetBytes(random[:]), randomDigits)
	return key + checksum(key)
}

func checksum(key string) string {
	return digits(big.NewInt(int64(crc32.ChecksumIEEE([]byte(key)))), checksumDigits)
}

// digits writes n in base 62, with leading zeros.
func digits(n *big.Int, length int) string {
	out := make([]byte, length)
	base, digit := big.NewInt(int64(len(base62))), new(big.Int)
	for i := length - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		out[i] = base62[digit.Int64()]
	}
	return string(out)
}

// IsKey reports whether text is an API key, of any server, without a typing error.
func IsKey(text string) bool {
	if len(text) > maxKey || !strings.HasPrefix(text, keyPrefix) {
		return false
	}
	scope, rest, _ := strings.Cut(text[len(keyPrefix):], "_")
	if _, err := ParseScope(scope); err != nil || len(rest) != randomDigits+checksumDigits {
		return false
	}
	end := len(text) - checksumDigits
	return strings.Trim(rest, base62) == "" && text[end:] == checksum(text[:end])
}

// Hash is the stored form of a key: its SHA-256. A key has 256 random bits, so a slow hash would
// add no protection.
func Hash(key string) [sha256.Size]byte { return sha256.Sum256([]byte(key)) }

// sessionKey is the private half of the pair that signs and verifies the browser sessions of a key.
// It is derived from the key and never stored.
func sessionKey(key string) (ed25519.PrivateKey, error) {
	const info = "flagmeter browser session"
	seed, err := hkdf.Key(sha256.New, []byte(key), nil, info, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of sessions: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
