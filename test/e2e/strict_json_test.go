package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// lenient are the files that may decode with encoding/json, which takes "Tenant" for "tenant" and
// lets the last of two equal names win: nothing is decided by what they read.
var lenient = map[string]string{
	"alerter/notify/slack/answer.go":  "answers of chats, into a map, which has exact names",
	"alerter/notify/event.go":         "jsonb of our own, in which each name is once",
	"internal/audit/dead.go":          "refused rows that explain a difference",
	"internal/client/client.go":       "answers of the server that was asked",
	"internal/client/problem.go":      "answers of the server that was asked",
	"internal/command/healthcheck.go": "the text of a problem",
	"test/kit/api/client.go":          "answers to what tests ask",
	"test/kit/roletest/roletest.go":   "lines of the log, in tests",
	"test/kit/slacktest/check.go":     "a stand-in for tests",
}

// What decides who may do what, and what counts, is decoded by exact names, each of them once.
func TestWhatDecidesIsDecodedStrictly(t *testing.T) {
	used := map[string]bool{}
	repository := os.DirFS(root)
	err := fs.WalkDir(repository, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == "bench" || path == "web" || path == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(repository, path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if name := lenientDecoder(file); name != "" {
			used[path] = true
			if lenient[path] == "" {
				t.Errorf("%s uses json.%s of encoding/json: use github.com/go-json-experiment/json",
					path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path := range lenient {
		if !used[path] {
			t.Errorf("%s does not decode with encoding/json any more: take it off the list", path)
		}
	}
}

// lenientDecoder is the function of encoding/json by which a file decodes, "" if there is none.
func lenientDecoder(file *ast.File) (name string) {
	imported := ""
	for _, spec := range file.Imports {
		if spec.Path.Value == `"encoding/json"` {
			imported = "json"
			if spec.Name != nil {
				imported = spec.Name.Name
			}
		}
	}
	if imported == "" {
		return ""
	}
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, ok := selector.X.(*ast.Ident)
		if ok && of.Name == imported &&
			(selector.Sel.Name == "Unmarshal" || selector.Sel.Name == "NewDecoder") {
			name = selector.Sel.Name
		}
		return true
	})
	return name
}
