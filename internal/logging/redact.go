package logging

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Hidden stands where a secret was.
const Hidden = "[secret]"

// Redact returns a handler that passes lines on to next without the secrets in them. It is as
// safe for concurrent use as next.
func Redact(next slog.Handler) slog.Handler { return redacter{next} }

type redacter struct{ next slog.Handler }

func (h redacter) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h redacter) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, cleanText(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(cleanAttr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

func (h redacter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return redacter{h.next.WithAttrs(cleanAttrs(attrs))}
}

// WithGroup passes the group on; its name is no secret, however it is called, for that is in
// the source.
func (h redacter) WithGroup(name string) slog.Handler { return redacter{h.next.WithGroup(name)} }

func cleanAttrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = cleanAttr(a)
	}
	return clean
}

func cleanAttr(a slog.Attr) slog.Attr {
	if isSecretName(a.Key) {
		return slog.String(a.Key, Hidden)
	}
	a.Value = cleanValue(a.Value.Resolve())
	return a
}

func cleanValue(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(cleanText(v.String()))
	case slog.KindGroup:
		return slog.GroupValue(cleanAttrs(v.Group())...)
	case slog.KindAny:
		return cleanAny(v)
	default: // numbers, booleans and times
		return v
	}
}

// cleanAny makes text of what may contain text, as a handler would have done.
func cleanAny(v slog.Value) slog.Value {
	switch x := v.Any().(type) {
	case nil, time.Time, *slog.Source:
		return v
	case error:
		return slog.StringValue(cleanText(x.Error()))
	case []string:
		clean := make([]string, len(x))
		for i, text := range x {
			clean[i] = cleanText(text)
		}
		return slog.AnyValue(clean)
	case []byte:
		return slog.StringValue(cleanText(string(x)))
	case json.Marshaler:
		text, err := x.MarshalJSON()
		if err != nil {
			return slog.StringValue(cleanText(err.Error()))
		}
		return slog.StringValue(cleanText(string(text)))
	case fmt.Stringer: // *url.URL among them
		return slog.StringValue(cleanText(x.String()))
	default:
		return slog.StringValue(cleanText(fmt.Sprintf("%+v", x)))
	}
}

// secretNames are what the names of secrets end with, without signs between words. Tokens,
// which this program counts, are none.
var secretNames = []string{
	"password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "signingkey",
	"authorization", "cookie", "credential", "credentials", "signature", "dsn", "databaseurl",
	"valkeyurl", "webhook", "webhookurl",
}

// isSecretName reports whether an attribute of that name holds a secret.
func isSecretName(name string) bool {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '_' || r == '-' || r == '.' || r == ' ':
			return -1
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
	for _, ending := range secretNames {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}
