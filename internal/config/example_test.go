package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// exampleLine is a variable in .env.example: set, or commented out with its default.
var exampleLine = regexp.MustCompile(`(?m)^(#?)([A-Z0-9_]+)=(.*)$`)

func TestEnvExampleListsTheSameVariables(t *testing.T) {
	content, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]string{}
	listed := map[string]string{}
	for _, m := range exampleLine.FindAllStringSubmatch(string(content), -1) {
		listed[m[2]] = m[3]
		if m[1] == "" {
			set[m[2]] = m[3]
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		name := f.Tag.Get("env")
		example, ok := listed[name]
		if !ok {
			t.Errorf("%s is not in .env.example", name)
		}
		if value := f.Tag.Get("envDefault"); set[name] == "" && example != value {
			t.Errorf(".env.example says that the default of %s is %q, it is %q", name, example, value)
		}
		if f.Tag.Get("want") == "" {
			t.Errorf("%s does not say what it must be", name)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("%s of .env.example is no setting", name)
	}
	if _, err := Load(environment(set), "DATABASE_URL", "VALKEY_URL"); err != nil {
		t.Errorf(".env.example does not work: %v", err)
	}
	if !strings.HasSuffix(string(content), "\n") {
		t.Error(".env.example does not end with a line feed")
	}
}
