package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// secret is in every secret of these tests.
const secret = "hunter2"

// logged is what a logger of both kinds writes.
func logged(t *testing.T, write func(*slog.Logger)) (asJSON, asText string) {
	t.Helper()
	var j, x bytes.Buffer
	write(JSON(&j, slog.LevelDebug))
	write(Text(&x, slog.LevelDebug))
	for line := range strings.Lines(j.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	return j.String(), x.String()
}

func TestNoSecretIsLogged(t *testing.T) {
	u, err := url.Parse("https://user:hunter2@host/path")
	if err != nil {
		t.Fatal(err)
	}
	_, dialErr := url.Parse(fmt.Sprintf("postgres://u:%s%%zz@db/x", secret)) // its error repeats what it was given
	for name, write := range map[string]func(*slog.Logger){
		"an attribute by name":     func(l *slog.Logger) { l.Info("x", "password", secret) },
		"names in every spelling":  func(l *slog.Logger) { l.Info("x", "API-Key", secret, "dbPassword", secret, "Set-Cookie", secret) },
		"a header":                 func(l *slog.Logger) { l.Info("x", "Authorization", "Bearer "+secret) },
		"a webhook":                func(l *slog.Logger) { l.Info("x", "webhook_url", "https://example.com/"+secret) },
		"an access token":          func(l *slog.Logger) { l.Info("x", "access_token", secret) },
		"in With":                  func(l *slog.Logger) { l.With("token", secret).Info("x") },
		"in a group":               func(l *slog.Logger) { l.Info("x", slog.Group("a", slog.Group("b", "token", secret))) },
		"behind WithGroup":         func(l *slog.Logger) { l.WithGroup("g").Info("x", "secret", secret) },
		"in With behind WithGroup": func(l *slog.Logger) { l.WithGroup("g").With("url", "redis://:hunter2@h").Info("x") },
		"a number by name":         func(l *slog.Logger) { l.Info("x", "password", []string{secret}) },
		"a URL in the message":     func(l *slog.Logger) { l.Info("cannot reach redis://:hunter2@valkey:6379/0") },
		"a URL in an error":        func(l *slog.Logger) { l.Error("x", "error", fmt.Errorf("dial: %w", dialErr)) },
		"a URL":                    func(l *slog.Logger) { l.Info("x", "url", u) },
		"a URL with a slash in it": func(l *slog.Logger) { l.Info("postgres://u:a/hunter2@db:5432/x?sslmode=disable") },
		"a URL with an @ in it":    func(l *slog.Logger) { l.Info("valkeys://u:a@hunter2@db") },
		"a URL of a cluster":       func(l *slog.Logger) { l.Info("redis://:hunter2@a:1,b:2/0") },
		"joined errors": func(l *slog.Logger) {
			l.Info("x", "error", errors.Join(errors.New("a"), errors.New("amqp://u:hunter2@h")))
		},
		"strings":                   func(l *slog.Logger) { l.Info("x", "urls", []string{"http://a:hunter2@b"}) },
		"a structure":               func(l *slog.Logger) { l.Info("x", "cfg", struct{ URL string }{"http://a:hunter2@b"}) },
		"a map":                     func(l *slog.Logger) { l.Info("x", "m", map[string]string{"u": "http://a:hunter2@b"}) },
		"bytes":                     func(l *slog.Logger) { l.Info("x", "body", []byte("http://a:hunter2@b")) },
		"raw JSON":                  func(l *slog.Logger) { l.Info("x", "body", json.RawMessage(`{"u":"http://a:hunter2@b"}`)) },
		"a value that makes itself": func(l *slog.Logger) { l.Info("x", "v", valuer{}) },
		"a parameter of a URL":      func(l *slog.Logger) { l.Info("GET https://h/x?a=1&access_token=hunter2&b=2 failed") },
		"a DSN":                     func(l *slog.Logger) { l.Info("host=db password=hunter2 user=x") },
		"a quoted DSN":              func(l *slog.Logger) { l.Info("host=db password='hunter2 x' user=x") },
		"credentials in text":       func(l *slog.Logger) { l.Info("sent Authorization: Bearer hunter2") },
		"basic credentials":         func(l *slog.Logger) { l.Info("sent basic dXNlcjpodW50ZXIyhunter2") },
		"a Slack webhook":           func(l *slog.Logger) { l.Info(`Post "https://hooks.slack.com/services/T0/B0/hunter2": EOF`) },
		"a key in a path": func(l *slog.Logger) {
			l.Info("x", "path", "/usage/fm_read_0123456789hunter2")
		},
		"a key in an escaped path":  func(l *slog.Logger) { l.Info("x", "path", "/usage/fm%5Fread%5F0123456789hunter2") },
		"one that is escaped twice": func(l *slog.Logger) { l.Info("x", "path", "/a%2fm_/%2566m%255Fread_0123456789hunter2") },
		"beside a stray percent":    func(l *slog.Logger) { l.Info("x", "path", "/100%/fm%5Fadmin_0123456789hunter2") },
		"a URL in a path":           func(l *slog.Logger) { l.Info("x", "path", "/usage/https%3A%2F%2Fu%3Ahunter2%40host") },
		"an endpoint":               func(l *slog.Logger) { l.Info("x", "endpoint", "https://key:hunter2@s3.example.com") },
		"a signed URL":              func(l *slog.Logger) { l.Info("GET https://s3/x?X-Amz-Credential=hunter2&X-Amz-Signature=hunter2") },
		"keys of a bucket":          func(l *slog.Logger) { l.Info("aws_access_key_id=hunter2 aws_secret_access_key=hunter2") },
		"a body in JSON":            func(l *slog.Logger) { l.Info(`sent {"scope":"read","key": "hunter2\"hunter2"}`) },
		"a Discord webhook":         func(l *slog.Logger) { l.Info("Post https://discord.com/api/webhooks/1/hunter2: EOF") },
		"a Teams webhook": func(l *slog.Logger) {
			l.Info("Post https://x.webhook.office.com/webhookb2/1@2/IncomingWebhook/hunter2: EOF")
		},
		"a Mattermost webhook": func(l *slog.Logger) { l.Info("Post https://chat.example.com/hooks/hunter2: EOF") },
		"a JSON Web Token":     func(l *slog.Logger) { l.Info("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2") },
		"a request's headers":  func(l *slog.Logger) { l.Info("x", "error", fmt.Errorf("%v", http.Header{"X": {"token=hunter2"}})) },
		"an error that wraps a URL's": func(l *slog.Logger) {
			l.Info("x", "error", &url.Error{Op: "Get", URL: "http://a:hunter2@b/", Err: errors.New("EOF")})
		},
	} {
		asJSON, asText := logged(t, write)
		for _, got := range []string{asJSON, asText} {
			if strings.Contains(got, secret) || !strings.Contains(got, Hidden) {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
}

// valuer is a slog.LogValuer.
type valuer struct{}

func (valuer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("password", secret), slog.Any("error", errors.New("redis://:hunter2@h")))
}

func TestWhatIsNoSecretIsLoggedAsItIs(t *testing.T) {
	at := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	asJSON, asText := logged(t, func(l *slog.Logger) {
		l.With("role", "ingest").Info("https://example.com/a@b?c=d and user@example.com, 1,500 tokens", "tokens", 1500, "rollups_tokens", int64(-3),
			"at", at, "took", 2*time.Second, "ok", true, "none", nil, "error", errors.New("connection refused"),
			slog.Group("g", "list", []string{"a", "b"}), "path", "/usage/basic", "escaped", "/usage/a%2Fb%20fm_readme 100%", "keys", "the key fm_<scope>_ of \"key\"")
	})
	for _, part := range []string{`"msg":"https://example.com/a@b?c=d and user@example.com, 1,500 tokens"`, `"role":"ingest"`, `"tokens":1500`, `"rollups_tokens":-3`,
		`"at":"2026-03-10T12:00:00Z"`, `"took":2000000000`, `"ok":true`, `"none":null`, `"error":"connection refused"`, `"g":{"list":["a","b"]}`, `"path":"/usage/basic"`} {
		if !strings.Contains(asJSON, part) {
			t.Errorf("no %s in %s", part, asJSON)
		}
	}
	for _, part := range []string{"level=INFO", "role=ingest", "tokens=1500", "took=2s", `error="connection refused"`} {
		if !strings.Contains(asText, part) {
			t.Errorf("no %s in %s", part, asText)
		}
	}
}

func TestLevelsAreKept(t *testing.T) {
	var out bytes.Buffer
	log := JSON(&out, slog.LevelWarn)
	log.Info("no")
	log.Warn("yes")
	if log.Enabled(context.Background(), slog.LevelInfo) || strings.Contains(out.String(), "no") || !strings.Contains(out.String(), "yes") {
		t.Errorf("logged %s", &out)
	}
}

// BenchmarkRedact is what taking out secrets costs a line, such as that about a request.
func BenchmarkRedact(b *testing.B) {
	for name, wrap := range map[string]func(slog.Handler) slog.Handler{
		"off": func(h slog.Handler) slog.Handler { return h },
		"on":  Redact,
	} {
		b.Run(name, func(b *testing.B) {
			log := slog.New(wrap(slog.NewJSONHandler(discard{}, nil)))
			b.ReportAllocs()
			for b.Loop() {
				log.Info("request", slog.String("request_id", "0af7651916cd43dd8448eb211c80319c"), slog.String("method", "POST"),
					slog.String("path", "/events"), slog.String("route", "/events"), slog.Int("status", 200), slog.Float64("ms", 1.5))
			}
		})
	}
}

// discard is a writer that is not known to slog as one that discards.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
