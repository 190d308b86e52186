package query

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
)

// writeTagged answers with a JSON object: content, which lacks the closing brace, asOf and
// stale. Its ETag is a digest of all but asOf, so equal tags mean equal figures whatever
// process has made them; that is why it is a weak one. The tag costs a tenth of the answer
// it may save.
func writeTagged(w http.ResponseWriter, r *http.Request, content []byte, asOf time.Time, stale bool) {
	digest := sha256.New()
	digest.Write(content)
	digest.Write(strconv.AppendBool(nil, stale))
	tag := `W/"` + hex.EncodeToString(digest.Sum(nil)[:16]) + `"`

	header := w.Header()
	header["Content-Type"], header["Cache-Control"] = answer.ContentType, answer.NoCache
	header.Set("ETag", tag)
	if noneMatch(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := answer.AppendTime(append(content, `,"asOf":`...), asOf)
	body = append(strconv.AppendBool(append(body, `,"stale":`...), stale), '}')
	header.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client has gone away: there is nobody left to tell
}

// noneMatch reports whether a header If-None-Match names the tag, by the weak comparison of
// RFC 9110: whether a tag is weak does not matter.
func noneMatch(headers []string, tag string) bool {
	for _, header := range headers {
		for candidate := range strings.SplitSeq(header, ",") {
			candidate = strings.TrimSpace(candidate)
			if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}
