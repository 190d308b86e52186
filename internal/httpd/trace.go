package httpd

import (
	"net/http"
	"strings"
)

// trace is where a request stands in a distributed trace: its trace and the span of the
// client that has sent it, in hex.
type trace struct{ id, span string }

// traceOf reads the header traceparent as W3C Trace Context (level 1) has it. A header that is
// malformed in any way is as none: guessing would put a request into a foreign trace.
func traceOf(h http.Header) (t trace, ok bool) {
	sent := h["Traceparent"]
	if len(sent) != 1 {
		return t, false
	}
	const size = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	text := sent[0]
	if len(text) < size || len(text) > 512 {
		return t, false
	}
	version, id, span, flags := text[:2], text[3:35], text[36:52], text[53:55]
	if text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return t, false
	}
	// A later version may say more behind these four; of version 00 there is no more.
	if len(text) > size && (version == "00" || text[size] != '-') {
		return t, false
	}
	if !isHex(version) || version == "ff" || !isHex(id) || !isHex(span) || !isHex(flags) {
		return t, false
	}
	if strings.Trim(id, "0") == "" || strings.Trim(span, "0") == "" {
		return t, false
	}
	return trace{id, span}, true
}

// isHex reports whether s is hex digits in lower case only.
func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
