package ingest

import (
	_ "embed"
	"net/http"

	"github.com/julienschmidt/httprouter"
)

//go:embed openapi.yaml
var openAPI []byte

// getOpenAPI is GET /openapi.yaml: the description of this API, which a test holds against
// its answers.
func getOpenAPI(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header()["Cache-Control"] = noCache
	_, _ = w.Write(openAPI)
}
