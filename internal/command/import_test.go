package command

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestImportCommand(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"accepted":1,"duplicates":0,"usage":[]}`)
	}))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "calls.csv")
	if err := os.WriteFile(file, []byte("n\n5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("n\n5\nfive\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(t.TempDir(), "open.csv")
	if err := os.WriteFile(open, []byte("n\n5\n\"6\n"+strings.Repeat("7\n", 497)), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"--url", srv.URL, "--tenant", "acme-corp", "--feature", "gpt-4-turbo",
		"--tokens", "n"}
	tests := []struct {
		name    string
		args    []string
		stdin   string
		wantErr string // "" means success
		wantOut string
	}{
		{"text", append([]string{file}, common...), "", "", "accepted                 1\n"},
		{"JSON", append([]string{file, "--json"}, common...), "", "", `{"rows":1,"accepted":1,`},
		{"standard input", append([]string{"-", "--id-prefix", "p"}, common...), "n\n7\n", "",
			"tokens                   7\n"},
		{"a refused row fails", append([]string{bad}, common...), "", "1 of 2 rows were refused",
			"line 3: n must be an integer"},
		{"an open quote fails", append([]string{open}, common...), "",
			"1 of 2 rows were refused, and 498 lines were not read for a quote that is left open",
			"line 3: a quote is left open; lines 3 to 500 were not read"},
		{"unknown column", append([]string{file, "--timestamp", "at"}, common...), "",
			`no column "at"; the file has "n"`, ""},
		{"required flags", []string{file}, "", `"feature", "tenant", "tokens" not set`, ""},
		{"no file", common, "", "accepts 1 arg(s)", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			cmd := Import(Env{Getenv: func(string) string { return "" }})
			cmd.SetArgs(tt.args)
			cmd.SetIn(strings.NewReader(tt.stdin))
			cmd.SetOut(&out)
			cmd.SetErr(&errs)
			err := cmd.ExecuteContext(t.Context())
			switch {
			case tt.wantErr == "" && err != nil:
				t.Errorf("got %v", err)
			case tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)):
				t.Errorf("got %v, want %q", err, tt.wantErr)
			}
			if !strings.Contains(out.String(), tt.wantOut) {
				t.Errorf("got output %q, want %q in it", &out, tt.wantOut)
			}
		})
	}
}
