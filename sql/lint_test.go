package schema_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	schema "github.com/eduardosanzb/flagmeter/sql"
)

// hazards are what a migration may not do while the version before runs, or while a big table is
// in use, with what to do instead. A line that ends with "-- safe: why" is taken at its word.
var hazards = []struct {
	statement *regexp.Regexp
	instead   string
}{
	{regexp.MustCompile(`(?i)\bALTER COLUMN \S+ (SET DATA )?TYPE\b`), "the table is written anew under a lock: add a column, fill it, and let the next release drop the old one"},
	{regexp.MustCompile(`(?i)\bSET NOT NULL\b`), "the table is read under a lock: CHECK (… IS NOT NULL) NOT VALID, and VALIDATE in the migration behind"},
	{regexp.MustCompile(`(?i)\bADD (CONSTRAINT \S+ )?(CHECK|FOREIGN KEY)\b(.*\n?)*?;`), "rows are read under a lock: add NOT VALID, and VALIDATE in the migration behind"},
	{regexp.MustCompile(`(?i)\bADD (CONSTRAINT \S+ )?(UNIQUE|PRIMARY KEY)\b`), "an index is built under a lock: CREATE UNIQUE INDEX CONCURRENTLY, then USING INDEX"},
	{regexp.MustCompile(`(?i)\bDROP (COLUMN|TABLE|VIEW|FUNCTION|CONSTRAINT)\b`), "the version before may use it: drop it in the release behind the one that needs it no more"},
	{regexp.MustCompile(`(?i)\bRENAME\b`), "the version before uses the old name: add the new one beside it"},
	{regexp.MustCompile(`(?i)\b(UPDATE|DELETE FROM) \w+( \w+)?\s*(SET [^;]*)?;`), "all rows are locked at once: do it in steps"},
	{regexp.MustCompile(`(?i)\bTRUNCATE\b`), "rows are gone for good"},
}

var (
	createIndex = regexp.MustCompile(`(?i)\bCREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?(?:\S+ )?ON (\w+)`)
	createTable = regexp.MustCompile(`(?i)\bCREATE TABLE (\w+)`)
	safe        = regexp.MustCompile(`(?m)^.*-- safe: \S.*$`)
	comment     = regexp.MustCompile(`--.*`)
)

// lint returns what a migration may not do.
func lint(text string) (wrong []string) {
	if strings.Contains(text, "+migrate Down") {
		wrong = append(wrong, "has a way down: production goes forward only")
	}
	if !strings.Contains(text, "SET LOCAL lock_timeout") && !strings.Contains(text, "notransaction") {
		wrong = append(wrong, "has no SET LOCAL lock_timeout: whoever waits behind its locks would wait as long as it does")
	}
	text = comment.ReplaceAllString(safe.ReplaceAllString(text, ""), "")
	for _, h := range hazards {
		found := h.statement.FindString(text)
		if found != "" && !strings.Contains(found, "NOT VALID") {
			wrong = append(wrong, strings.Join(strings.Fields(found), " ")+": "+h.instead)
		}
	}
	made := map[string]bool{}
	for _, m := range createTable.FindAllStringSubmatch(text, -1) {
		made[m[1]] = true
	}
	for _, m := range createIndex.FindAllStringSubmatch(text, -1) {
		if m[1] == "" && !made[m[2]] {
			wrong = append(wrong, m[0]+": writers wait until it is built: CREATE INDEX CONCURRENTLY, in a migration of its own with \"-- +migrate Up notransaction\"")
		}
	}
	return wrong
}

// TestMigrationsAreSafeWhileTheVersionBeforeRuns holds the rules of CONTRIBUTING.md against each
// migration that came after them.
func TestMigrationsAreSafeWhileTheVersionBeforeRuns(t *testing.T) {
	all, err := fs.ReadDir(schema.Files, "migrations")
	if err != nil || len(all) < 8 {
		t.Fatalf("%d migrations, %v", len(all), err)
	}
	for _, file := range all {
		text, err := fs.ReadFile(schema.Files, "migrations/"+file.Name())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "+migrate Down") {
			t.Errorf("%s has a way down: production goes forward only", file.Name())
		}
		if file.Name() < "0008" {
			continue
		}
		for _, wrong := range lint(string(text)) {
			t.Errorf("%s: %s", file.Name(), wrong)
		}
	}
}

// TestLintFindsEachHazard gives the rules what they are for.
func TestLintFindsEachHazard(t *testing.T) {
	const head = "-- +migrate Up\nSET LOCAL lock_timeout = '3s';\n"
	for text, finds := range map[string]bool{
		"ALTER TABLE a ALTER COLUMN b TYPE int;":                               true,
		"ALTER TABLE a ALTER COLUMN b SET DATA TYPE int;":                      true,
		"ALTER TABLE a ALTER COLUMN b SET NOT NULL;":                           true,
		"ALTER TABLE a ALTER COLUMN b SET NOT NULL; -- safe: c holds it":       false,
		"ALTER TABLE a ALTER COLUMN b SET NOT NULL; -- safe:":                  true,
		"ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0);":                        true,
		"ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0)\n    NOT VALID;":         false,
		"ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES c (d);":                  true,
		"ALTER TABLE a ADD PRIMARY KEY (b);":                                   true,
		"ALTER TABLE a DROP COLUMN b;":                                         true,
		"DROP TABLE a;":                                                        true,
		"ALTER TABLE a RENAME TO b;":                                           true,
		"alter table a rename column b to c;":                                  true,
		"UPDATE a SET b = 1;":                                                  true,
		"DELETE FROM a;":                                                       true,
		"TRUNCATE a;":                                                          true,
		"CREATE INDEX b ON a (c);":                                             true,
		"CREATE TABLE a (c int);\nCREATE INDEX b ON a (c);":                    false,
		"ALTER TABLE a ADD COLUMN b int;":                                      false,
		"ALTER TABLE a ADD COLUMN b int NOT NULL DEFAULT 0;":                   false,
		"ALTER TABLE a VALIDATE CONSTRAINT c;":                                 false,
		"-- what used to DROP TABLE a":                                         false,
		"CREATE TABLE a (b int);\n-- +migrate Down\nSELECT 1;":                 true,
		"CREATE TABLE a (b int PRIMARY KEY, c int REFERENCES d, CHECK (b>0));": false,
	} {
		if wrong := lint(head + text); (len(wrong) > 0) != finds {
			t.Errorf("%s: %q", text, wrong)
		}
	}
	if len(lint("-- +migrate Up\nSELECT 1;")) == 0 {
		t.Error("a migration without a lock_timeout is let through")
	}
	if wrong := lint("-- +migrate Up notransaction\nCREATE INDEX CONCURRENTLY b ON a (c);"); len(wrong) > 0 {
		t.Errorf("an index that is built concurrently: %q", wrong)
	}
}
