package native

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// field is a key of an event's JSON object, and a bit in a set of keys.
type field uint8

const (
	fieldTenant field = 1 << iota
	fieldFeature
	fieldTokens
	fieldID
	fieldTimestamp

	fieldUnknown field = 0
)

// fields are all keys in the order in which errors name them.
var fields = [...]struct {
	field    field
	key      string
	required bool
}{
	{fieldTenant, "tenant", true},
	{fieldFeature, "feature", true},
	{fieldTokens, "tokens", true},
	{fieldID, "id", false},
	{fieldTimestamp, "timestamp", false},
}

// fieldNamed is the field whose key is the JSON string key.
func fieldNamed(key jsontext.Value) field {
	switch string(key) {
	case `"tenant"`:
		return fieldTenant
	case `"feature"`:
		return fieldFeature
	case `"tokens"`:
		return fieldTokens
	case `"id"`:
		return fieldID
	case `"timestamp"`:
		return fieldTimestamp
	}
	if bytes.IndexByte(key, '\\') >= 0 { // "\u0069d" is a way to write "id"
		text, _ := textIn(key)
		for _, f := range fields {
			if f.key == string(text) {
				return f.field
			}
		}
	}
	return fieldUnknown
}

// keyOf is the key of a known field.
func keyOf(name field) string {
	for _, f := range fields {
		if f.field == name {
			return f.key
		}
	}
	return ""
}
