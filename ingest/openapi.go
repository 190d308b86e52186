package ingest

import (
	_ "embed"
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
)

//go:embed openapi.yaml
var openAPI []byte

// getOpenAPI is GET /openapi.yaml: the description of this API, which a test holds against
// its answers.
func getOpenAPI(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) error {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header()["Cache-Control"] = answer.NoCache
	_, _ = w.Write(openAPI) // fails if the client has gone away
	return nil
}
