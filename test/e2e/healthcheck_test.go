package e2e

import (
	"net"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// where waits until a role listens and returns its address.
func (d *daemon) where() string {
	_, rest, _ := strings.Cut(d.line(`"msg":"started"`), `"address":"`)
	address, _, _ := strings.Cut(rest, `"`)
	return address
}

// everywhere is an address as a setting that names no host.
func everywhere(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return ":" + port
}

func TestHealthcheckOfRolesThatAreWell(t *testing.T) {
	s := settingsOf(stacktest.New(t))
	succeed(t, s, "seed")
	for role, setting := range map[string]string{
		"ingest": "LISTEN_ADDR", "flusher": "METRICS_ADDR", "alerter": "METRICS_ADDR",
	} {
		d := launch(t, s, role)
		address := d.where()
		// No other setting: a container's healthcheck has no secret, and must not need one.
		for _, at := range []string{address, everywhere(t, address)} {
			ask := settings{setting: at, "DATABASE_URL_FILE": "/nowhere"}
			var got string
			waittest.Until(t, role+" is well", func() bool {
				status, stdout, _ := execute(t, ask, "healthcheck", role)
				got = stdout
				return status == 0
			})
			if !strings.HasPrefix(got, role+" is well: {") || strings.Count(got, "\n") != 1 {
				t.Errorf("%s at %s: %q", role, at, got)
			}
		}
		d.stop()
		status, stdout, stderr := execute(t, settings{setting: address}, "healthcheck", role)
		if status != 1 || stdout != "" ||
			!strings.HasPrefix(stderr, "flagmeter: "+role+" is not well: ") ||
			!strings.Contains(stderr, "connection refused") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s is gone: exit %d, %q, %q", role, status, stdout, stderr)
		}
	}
}

// TestHealthcheckWithoutValkey has an ingest that runs but can accept nothing.
func TestHealthcheckWithoutValkey(t *testing.T) {
	s := settingsOf(stacktest.New(t)).with("VALKEY_URL", "redis://127.0.0.1:1/0")
	address := launch(t, s, "ingest").where()
	status, _, stderr := execute(t, settings{"LISTEN_ADDR": address}, "healthcheck")
	if status != 1 || !strings.Contains(stderr, "503 Service Unavailable") ||
		!strings.Contains(stderr, "its stores have not answered yet") {
		t.Errorf("exit %d: %s", status, stderr)
	}
}

// TestHealthcheckWaitsForSoLong asks somebody who takes the connection and is silent.
func TestHealthcheckWaitsForSoLong(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	status, _, stderr := execute(t, settings{"METRICS_ADDR": l.Addr().String()},
		"healthcheck", "flusher")
	if status != 1 || !strings.HasSuffix(stderr, "/healthz: no answer within 3s\n") {
		t.Errorf("exit %d: %s", status, stderr)
	}
}
