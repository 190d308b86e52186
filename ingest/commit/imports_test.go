package commit

import (
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// Other ways than HTTP may lead here, so nothing in this package is about HTTP.
func TestThisPackageKnowsNothingOfHTTP(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, f := range files {
		name := f.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		read++
		for _, i := range file.Imports {
			if path := i.Path.Value; strings.Contains(path, "net/http") || strings.Contains(path, "/httpd") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
	if read < 10 {
		t.Errorf("read %d files", read)
	}
}
