package e2e

import (
	"encoding/json"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// ready waits until dev is ready and returns its address.
func (d *daemon) ready() string {
	d.t.Helper()
	page := strings.TrimPrefix(d.line("flagmeter ready http://127.0.0.1:"), "flagmeter ready ")
	status, body := request(d.t, "GET", page, "")
	if status != 200 || !strings.Contains(body, "<html") {
		d.t.Errorf("GET %s when it is ready: %d", page, status)
	}
	return strings.TrimSuffix(page, "/usage")
}

func TestDevOnPrivateStores(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	d := launch(t, nil, "dev", "--listen", "127.0.0.1:0")
	stores := []string{
		strings.TrimPrefix(d.line("DATABASE_URL="), "DATABASE_URL="),
		strings.TrimPrefix(d.line("VALKEY_URL="), "VALKEY_URL="),
	}
	address := d.ready()

	if status, answer := request(t, "POST", address+"/events",
		`{"tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1500}`); status != 200 {
		t.Errorf("POST /events: %d %s", status, answer)
	}
	var usage struct{ TotalTokens, Quota int64 }
	_, answer := request(t, "GET", address+"/usage/acme-corp", "")
	if err := json.Unmarshal([]byte(answer), &usage); err != nil || usage.TotalTokens != 1500 ||
		usage.Quota != 1_000_000 {
		t.Errorf("right after the event: %s", answer)
	}
	_, metrics := request(t, "GET", address+"/metrics", "")
	for _, name := range []string{
		"flagmeter_build_info{", "go_goroutines ", "process_start_time_seconds ",
		"flagmeter_ingest_events_total 1", "flagmeter_flusher_events_total ",
		"flagmeter_alerter_pending_deliveries ",
	} {
		if !strings.Contains(metrics, "\n"+name) {
			t.Errorf("/metrics has no %s", name)
		}
	}

	if status, _ := d.stop(); status != 0 || d.stderr.Len() > 0 {
		t.Errorf("exit %d: %s", status, d.stderr)
	}
	// The directory goes when the last process in it has ended, see package stack.
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, store := range append(stores, address) {
		u, err := url.Parse(store)
		if err != nil {
			t.Fatal(err)
		}
		if conn, err := net.Dial("tcp", u.Host); err == nil {
			conn.Close()
			t.Errorf("%s still listens", u.Scheme)
		}
	}
}

func TestDevUsesGivenStores(t *testing.T) {
	env := stacktest.New(t)
	databaseURL, db := emptyDatabase(t, env) // which dev must migrate
	s := settingsOf(env).with("DATABASE_URL", databaseURL)
	for range 2 { // the second finds what the first has left
		d := launch(t, s, "dev", "--listen", "127.0.0.1:0", "--data", t.TempDir())
		if got, want := d.line("DATABASE_URL="), "DATABASE_URL="+databaseURL; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got, want := d.line("VALKEY_URL="), "VALKEY_URL="+env.ValkeyURL; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		d.ready()
		status, _ := d.stop()
		if status != 0 || d.stderr.String() != "flagmeter: warning: --data is not used, because"+
			" DATABASE_URL and VALKEY_URL are set\n" {
			t.Errorf("exit %d: %s", status, d.stderr)
		}
	}
	var names []string
	err := db.SelectContext(t.Context(), &names, "SELECT name FROM tenants")
	if err != nil || len(names) != 1 || names[0] != "acme-corp" {
		t.Errorf("tenants %v, %v", names, err)
	}
}

func TestDevDemo(t *testing.T) {
	d := launch(t, settingsOf(stacktest.New(t)), "dev", "--listen", "127.0.0.1:0", "--demo")
	address := d.ready()
	var list struct {
		Tenants []struct{ TotalTokens int64 }
	}
	waittest.Until(t, "every tenant of the demo has a history", func() bool {
		_, body := request(t, "GET", address+"/tenants", "")
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatal(err)
		}
		for _, tenant := range list.Tenants {
			if tenant.TotalTokens == 0 {
				return false
			}
		}
		return len(list.Tenants) == 7
	})
	// Nothing complains on the way down.
	if status, _ := d.stop(); status != 0 || d.stderr.Len() > 0 {
		t.Errorf("exit %d: %s", status, d.stderr)
	}
}

func TestDevNamesAnAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	status, stdout, stderr := execute(t, nil, "dev", "--listen", taken.Addr().String())
	want := "flagmeter: address " + taken.Addr().String() +
		" is in use by another process: choose another with --listen\n"
	if status != 1 || stdout != "" || stderr != want {
		t.Errorf("exit %d: %s", status, stderr)
	}
}

func TestDevSaysWhoMayUseIt(t *testing.T) {
	for _, c := range []struct{ listen, auth, says string }{
		{"127.0.0.1:0", "",
			"authentication is off: everybody on this machine, and nobody else, can use 127.0.0.1:"},
		{":0", "off", "authentication is off: everybody who can reach it can use [::]:"},
		{":0", "", "authentication is required; this key of scope admin ends in 24 hours:"},
		{"127.0.0.1:0", "required",
			"authentication is required; this key of scope admin ends in 24 hours:"},
	} {
		t.Run(c.listen+c.auth, func(t *testing.T) {
			d := launch(t, settingsOf(stacktest.New(t)).with("AUTH", c.auth), "dev", "--listen", c.listen)
			d.line(c.says)
			key := ""
			if strings.Contains(c.says, "required") {
				key = strings.TrimPrefix(d.line("API_KEY="), "API_KEY=")
			}
			address := d.ready() // at 127.0.0.1
			status, _ := request(t, "GET", address+"/usage/acme-corp", "")
			if (status == 200) != (key == "") || key != "" && status != 401 {
				t.Errorf("without a key: %d", status)
			}
			if status, body := requestAs(t, key, "GET", address+"/usage/acme-corp", ""); status != 200 {
				t.Errorf("with the key: %d %s", status, body)
			}
			if status, _ := d.stop(); status != 0 {
				t.Errorf("exit %d: %s", status, d.stderr)
			}
		})
	}
}

// The demo sends its events with the key that dev has made.
func TestDevDemoWithAuthentication(t *testing.T) {
	d := launch(t, settingsOf(stacktest.New(t)).with("AUTH", "required"), "dev", "--listen",
		"127.0.0.1:0", "--demo")
	key := strings.TrimPrefix(d.line("API_KEY="), "API_KEY=")
	address := d.ready()
	waittest.Until(t, "the demo has sent something", func() bool {
		_, body := requestAs(t, key, "GET", address+"/tenants?sort=-used&limit=1", "")
		return !strings.Contains(body, `"totalTokens":0`)
	})
	if status, _ := d.stop(); status != 0 {
		t.Errorf("exit %d: %s", status, d.stderr)
	}
}

func TestDevStoppedWhileItStarts(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	d := launch(t, nil, "dev", "--listen", "127.0.0.1:0")
	waittest.Until(t, "the stores are starting", func() bool {
		rooms, err := os.ReadDir(tmp)
		return err == nil && len(rooms) > 0
	})
	if status, rest := d.stop(); status != 0 || rest != "" || d.stderr.Len() > 0 {
		t.Errorf("exit %d: %s%s", status, rest, d.stderr)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
