package native

import (
	"net/http"
	"strconv"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
)

// Answer writes what became of a request, in a buffer whose content it does not read.
func (Decoder) Answer(w http.ResponseWriter, buffer []byte, r commit.Result) {
	answer.WriteJSON(w, appendResult(buffer[:0], r))
}

func appendResult(b []byte, r commit.Result) []byte {
	b = strconv.AppendInt(append(b, `{"accepted":`...), int64(r.Events), 10)
	b = strconv.AppendInt(append(b, `,"duplicates":`...), int64(r.Duplicates), 10)
	b = append(b, `,"usage":[`...)
	for i, u := range r.Usage {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(answer.AppendUsage(append(b, '{'), u), '}')
	}
	return append(b, "]}"...)
}
