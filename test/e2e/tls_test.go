package e2e

import (
	"encoding/json"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// edit returns an address with parameters, host:port unless host is empty, and scheme unless
// that is.
func edit(u *url.URL, scheme, host string, parameters ...string) string {
	changed := *u
	if scheme != "" {
		changed.Scheme = scheme
	}
	if host != "" {
		changed.Host = net.JoinHostPort(host, u.Port())
	}
	q := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	changed.RawQuery = q.Encode()
	return changed.String()
}

// TestTLSToPostgres is about the parameters that lib/pq reads, behind our own dialer.
func TestTLSToPostgres(t *testing.T) {
	env := stacktest.Own(t)
	authority, stranger := stacktest.NewAuthority(t), stacktest.NewAuthority(t)
	address, _ := env.ServeTLS(t, authority, "127.0.0.1", false)
	for _, c := range []struct {
		name, host string
		parameters []string
		want       string // in the error; empty: it works
		encrypted  bool
	}{
		{"in the clear", "", []string{"sslmode", "disable"}, "", false},
		{"encrypted", "", []string{"sslmode", "require"}, "", true},
		{"verified", "", []string{"sslmode", "verify-full", "sslrootcert", authority.File}, "", true},
		{"authority verified", "",
			[]string{"sslmode", "verify-ca", "sslrootcert", authority.File}, "", true},
		{"another host", "localhost", []string{"sslmode", "verify-full", "sslrootcert", authority.File},
			"but wanted to match localhost", false},
		{"another host, authority verified", "localhost",
			[]string{"sslmode", "verify-ca", "sslrootcert", authority.File}, "", true},
		{"another authority", "", []string{"sslmode", "verify-full", "sslrootcert", stranger.File},
			"certificate signed by unknown authority", false},
		{"another authority, host ignored", "", []string{"sslmode", "verify-ca", "sslrootcert",
			stranger.File}, "certificate signed by unknown authority", false},
		{"the machine's authorities", "", []string{"sslmode", "verify-full"},
			"certificate signed by unknown authority", false},
		{"no such file", "", []string{"sslmode", "verify-full", "sslrootcert", "/nowhere"},
			"/nowhere", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var encrypted bool
			db, err := store.Open(edit(address, "", c.host, c.parameters...), 1, store.QueryTimeout)
			if err == nil {
				defer db.Close()
				err = db.GetContext(t.Context(), &encrypted,
					"SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
			}
			checkTLS(t, err, c.want)
			if encrypted != c.encrypted {
				t.Errorf("the connection is encrypted: %t, want %t", encrypted, c.encrypted)
			}
		})
	}
}

func TestTLSToValkey(t *testing.T) {
	env := stacktest.Own(t)
	authority, stranger := stacktest.NewAuthority(t), stacktest.NewAuthority(t)
	certFile, keyFile := authority.Issue("client")
	strangeCert, strangeKey := stranger.Issue("client")
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, asks := range []bool{false, true} {
		_, address := env.ServeTLS(t, authority, "127.0.0.1", asks)
		own := valkey.TLS{CAFile: authority.File}
		if asks {
			own.CertFile, own.KeyFile = certFile, keyFile
		}
		for _, c := range []struct {
			name, scheme, host, query string
			files                     valkey.TLS
			want                      string // in the error; empty: it works
		}{
			{"verified", "", "", "", own, ""},
			{"verified, by its other name", "valkeys", "", "", own, ""},
			{"another host", "", "localhost", "", own, "but wanted to match localhost"},
			{"another authority", "", "", "", valkey.TLS{CAFile: stranger.File},
				"certificate signed by unknown authority"},
			{"the machine's authorities", "", "", "", valkey.TLS{},
				"certificate signed by unknown authority"},
			{"no such file", "", "", "", valkey.TLS{CAFile: "/nowhere"}, "VALKEY_CA_FILE"},
			{"no certificate", "", "", "", valkey.TLS{CAFile: notPEM}, "VALKEY_CA_FILE"},
			{"no such key", "", "", "", valkey.TLS{CAFile: authority.File, CertFile: certFile,
				KeyFile: "/nowhere"}, "VALKEY_KEY_FILE"},
			{"certificates without TLS", "redis", "", "", own, "would not be encrypted"},
			{"in the clear", "redis", "", "", valkey.TLS{}, "EOF|reset|i/o timeout"},
			{"not verified", "", "", "?skip_verify=true",
				valkey.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile}, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				client, err := valkey.ConnectTLS(edit(address, c.scheme, c.host)+c.query, c.files)
				if err == nil {
					defer client.Close()
					err = client.Ping(t.Context()).Err()
				}
				checkTLS(t, err, c.want)
			})
		}
		if asks {
			for name, files := range map[string]valkey.TLS{
				"none":         {CAFile: authority.File},
				"a stranger's": {CAFile: authority.File, CertFile: strangeCert, KeyFile: strangeKey},
			} {
				t.Run("client certificate: "+name, func(t *testing.T) {
					client, err := valkey.ConnectTLS(edit(address, "", ""), files)
					if err != nil {
						t.Fatal(err)
					}
					defer client.Close()
					if err := client.Ping(t.Context()).Err(); err == nil {
						t.Error("it is let in")
					}
				})
			}
		}
	}
}

// checkTLS compares an error with what it should say, one of several between bars, and makes
// sure that it keeps the password to itself.
func checkTLS(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || want == "" {
		if (err == nil) != (want == "") {
			t.Errorf("got %v, want %q", err, want)
		}
		return
	}
	for part := range strings.SplitSeq(want, "|") {
		if strings.Contains(err.Error(), part) {
			return
		}
	}
	t.Errorf("got %v, want %q", err, want)
}

// TestRolesSpeakTLS runs the API with TLS to both stores, from its settings on.
func TestRolesSpeakTLS(t *testing.T) {
	env := stacktest.Own(t)
	authority := stacktest.NewAuthority(t)
	databaseURL, valkeyURL := env.ServeTLS(t, authority, "127.0.0.1", false)
	s := settingsOf(env).with("DATABASE_URL",
		edit(databaseURL, "", "", "sslmode", "verify-full", "sslrootcert", authority.File)).
		with("VALKEY_URL", edit(valkeyURL, "", "")).with("VALKEY_CA_FILE", authority.File)
	if _, err := config.Load(s.getenv, "DATABASE_URL", "VALKEY_URL"); err != nil {
		t.Fatal(err)
	}
	succeed(t, s, "seed")
	address := startIngest(t, s)
	waittest.Until(t, "ingest is ready", func() bool {
		status, _ := request(t, "GET", address+"/readyz", "")
		return status == 200
	})
	if status, answer := request(t, "POST", address+"/events",
		`{"tenant":"acme-corp","feature":"f","tokens":1}`); status != 200 {
		t.Errorf("POST /events: %d %s", status, answer)
	}
	// So do commands: the copy of the keys is in Valkey, and a revocation is noted there first.
	key := createKey(t, s, "--scope", "read")
	status, stdout, stderr := execute(t, s, "keys", "revoke", key)
	if status != 0 || !strings.HasPrefix(stdout, "revoked API key ") ||
		strings.Contains(stderr, "warning") {
		t.Errorf("keys revoke: exit %d: %s%s", status, stdout, stderr)
	}
	// A Valkey that another authority vouches for is never spoken to.
	d := launch(t, s.with("VALKEY_CA_FILE", stacktest.NewAuthority(t).File), "ingest")
	line := d.line(`"waiting for valkey"`)
	if !strings.Contains(line, "certificate signed by unknown authority") {
		t.Errorf("it logs %s", line)
	}
}

// startIngest runs the API until the end of the test, and returns its URL.
func startIngest(t *testing.T, s settings) (address string) {
	t.Helper()
	var started struct{ Address string }
	if err := json.Unmarshal([]byte(launch(t, s, "ingest").line(`"started"`)), &started); err != nil {
		t.Fatal(err)
	}
	return "http://" + started.Address
}
