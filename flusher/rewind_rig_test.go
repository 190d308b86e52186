package flusher

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// rewinder is a rig whose Valkey can be made to lose writes.
type rewinder struct {
	*rig
	dir      string // of Valkey's data
	alarms   bytes.Buffer
	f        *Flusher // with its log in alarms and its metrics in registry
	registry *prometheus.Registry
	posted   int64
}

func newRewinder(t *testing.T) *rewinder {
	t.Helper()
	r := &rewinder{rig: newRig(t, stacktest.Own(t)), registry: prometheus.NewRegistry()}
	setting, err := r.Valkey.ConfigGet(t.Context(), "dir").Result()
	if err != nil {
		t.Fatal(err)
	}
	r.dir = filepath.Join(setting["dir"], "appendonlydir")
	r.f = r.flusherWith(slog.New(slog.NewJSONHandler(&r.alarms,
		&slog.HandlerOptions{Level: slog.LevelError})), r.registry)
	return r
}

// in is the same rig in a subtest, with a tenant of its own.
func (r *rewinder) in(t *testing.T, tenant string) {
	t.Helper()
	r.TB = t
	r.addTenant(tenant, "Asia/Kathmandu", 7)
	r.Reload()
}

// copyData copies Valkey's data as they are now and returns the place.
func (r *rewinder) copyData() string {
	r.Helper()
	copied := filepath.Join(r.TempDir(), "copy")
	r.run("cp", "-a", r.dir, copied)
	return copied
}

// putBack stops Valkey, puts a copy in the place of its data, or nothing if copied is
// empty, and starts it again. change, if not nil, may damage the files in between.
func (r *rewinder) putBack(copied string, change func()) {
	r.Helper()
	r.Stack.Valkey.Kill()
	if copied != r.dir {
		r.run("rm", "-r", r.dir)
		if copied != "" {
			r.run("cp", "-a", copied, r.dir)
		}
	}
	if change != nil {
		change()
	}
	if err := r.Stack.Valkey.Restart(context.Background()); err != nil {
		r.Fatal(err)
	}
}

func (r *rewinder) run(name string, args ...string) {
	r.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		r.Fatalf("%s: %v: %s", name, err, out)
	}
}

// tail is the file that Valkey appends to, and its size.
func (r *rewinder) tail() (string, int64) {
	r.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, "*.incr.aof"))
	if err != nil || len(files) != 1 {
		r.Fatalf("append-only files: %v, %v", files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil {
		r.Fatal(err)
	}
	return files[0], info.Size()
}

// send posts one event, of other tokens than every other, and reports whether it was
// accepted; the only other answer allowed is 503 with Retry-After. members come with a
// comma in front.
func (r *rewinder) send(tenant, members string) bool {
	r.Helper()
	r.posted++
	body := fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":%d%s}`, tenant, 1000+r.posted, members)
	a := r.API.Post(r, body)
	switch {
	case a.Status == http.StatusOK:
		return true
	case a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "":
		return false
	}
	r.Fatalf("POST /events: %d", a.Status)
	return false
}

// mustSend posts one event that must be accepted.
func (r *rewinder) mustSend(tenant, members string) {
	r.Helper()
	if !r.send(tenant, members) {
		r.Fatal("an event was refused")
	}
}

func (r *rewinder) flush() {
	r.Helper()
	if _, err := r.f.RunOnce(context.Background()); err != nil {
		r.Fatal(err)
	}
}

// settleAll flushes all there is, some minutes later.
func (r *rewinder) settleAll() {
	r.Helper()
	for range 2 {
		r.Advance(6 * 60e9)
		r.flush()
	}
}
