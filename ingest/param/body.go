package param

import (
	"fmt"
	"io"
	"mime"
	"net/http"

	strict "github.com/go-json-experiment/json"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
)

// Body reads the JSON object in the body of a request, of at most so many bytes, a multiple of
// 1,024. Members that into does not have are refused, and so are repeated ones. shape describes the
// object to a client that sent something else; refuse makes a problem of a detail.
func Body(
	w http.ResponseWriter, r *http.Request, most int64, into any, shape string,
	refuse func(detail string) error,
) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != answer.ContentType[0] {
		return problem.NotJSON()
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		return refuse(fmt.Sprintf("the body did not arrive whole, or is larger than %d KiB", most>>10))
	}
	if err := strict.Unmarshal(text, into, strict.RejectUnknownMembers(true)); err != nil {
		return refuse("the body must be an object of " + shape)
	}
	return nil
}
