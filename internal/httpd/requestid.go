package httpd

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
)

// headerRequestID carries the id of a request, from the client or to it.
const headerRequestID = "X-Request-Id"

// maxRequestID is the length of the longest id that is taken from a client.
const maxRequestID = 128

// requestID is the id that the client has sent, if it can be used, or a new one: 64 bits at
// random as hex digits. It is only for finding a request again in the log of a few days, and
// every answer carries it, so it is short and costs no system call, as a UUID would.
func requestID(h http.Header) string {
	if sent := h[headerRequestID]; len(sent) == 1 && usable(sent[0]) {
		return sent[0]
	}
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], rand.Uint64())
	var text [16]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}

// usable reports whether an id can stand in a log and a header without harm: 1 to 128 letters,
// digits and a few signs that ids are made of.
func usable(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '/',
			c == '+', c == '=', c == '@', c == '~':
		default:
			return false
		}
	}
	return true
}

// RequestID is the id of the request that is answered through w, empty if it has none.
func RequestID(w http.ResponseWriter) string {
	if id := w.Header()[headerRequestID]; len(id) == 1 {
		return id[0]
	}
	return ""
}
