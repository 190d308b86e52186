package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/eduardosanzb/flagmeter/internal/logging"
)

// Load reads the environment through getenv. The variables named in required must be set.
// The error lists every mistake, in the order of the fields of [Config].
func Load(getenv func(string) string, required ...string) (Config, error) {
	mistakes := map[string]string{} // by variable, as whole sentences
	values := map[string]string{}
	for _, v := range variables() {
		value, mistake := v.read(getenv)
		switch {
		case mistake != "":
			mistakes[v.name] = mistake
		case value != "":
			values[v.name] = value
		case slices.Contains(required, v.name):
			mistakes[v.name] = v.name + " is not set: it must be " + v.want
		}
	}

	var c Config
	notParsed, err := parse(&c, values)
	if err != nil {
		return Config{}, err
	}
	var report strings.Builder
	for _, v := range variables() {
		if value, set := values[v.name]; set && (notParsed[v.field] || !c.allows(v.name)) {
			mistakes[v.name] = v.refusal(value)
		}
		if mistake, ok := mistakes[v.name]; ok {
			report.WriteString("\n  " + mistake)
		}
	}
	if report.Len() > 0 {
		return Config{}, errors.New("bad settings:" + report.String())
	}
	return c, nil
}

// parse fills c and returns the fields whose values are not of the field's type.
func parse(c *Config, values map[string]string) (notParsed map[string]bool, err error) {
	notParsed = map[string]bool{}
	options := env.Options{Environment: values, FuncMap: map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[time.Duration](): func(s string) (any, error) { return ParseDuration(s) },
	}}
	err = env.ParseWithOptions(c, options)
	var all env.AggregateError
	if !errors.As(err, &all) {
		return notParsed, err
	}
	for _, one := range all.Errors {
		var p env.ParseError
		if !errors.As(one, &p) {
			return nil, fmt.Errorf("read settings: %w", one) // a mistake in the tags of Config
		}
		notParsed[p.Name] = true
	}
	return notParsed, nil
}

// variable describes a field of Config from its tags.
type variable struct {
	field, name, want string
	secret            bool
}

func variables() []variable {
	var all []variable
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		all = append(all, variable{
			field:  f.Name,
			name:   f.Tag.Get("env"),
			want:   f.Tag.Get("want"),
			secret: f.Type == reflect.TypeFor[Secret](),
		})
	}
	return all
}

// read returns the variable's text. The text of a secret may be in a file.
func (v variable) read(getenv func(string) string) (value, mistake string) {
	value = getenv(v.name)
	if !v.secret {
		return value, ""
	}
	file := v.name + "_FILE"
	path := getenv(file)
	switch {
	case path == "":
		return value, ""
	case value != "":
		return "", v.name + " and " + file + " are both set: keep one of them"
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", file + " cannot be read: " + err.Error()
	}
	if value = strings.TrimSpace(string(content)); value == "" {
		return "", file + " names an empty file: " + path
	}
	return value, ""
}

// refusal says what is wrong with a value without repeating a secret. Even a setting that is not a
// Secret may contain one, such as a URL with a password.
func (v variable) refusal(value string) string {
	if v.secret {
		return v.name + " must be " + v.want
	}
	return fmt.Sprintf("%s must be %s, not %q", v.name, v.want, logging.Clean(value))
}
