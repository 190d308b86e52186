package rollout

import (
	"flag"
	"net"
	"os"
	"os/exec"
	"testing"
)

// dir holds the two programs.
var dir string

// raced is whether this was built with the race detector.
var raced bool

// TestMain runs the tests without the race detector in any case: nothing of the program is in
// this process, and the clients and the proxy would not manage 1,000 requests a second.
func TestMain(m *testing.M) {
	flag.Parse()
	if raced {
		plain := exec.Command("go", "test", "-count=1", "-timeout=60m", "-v", "-run",
			flag.Lookup("test.run").Value.String(), ".")
		plain.Env = append(os.Environ(), "CGO_ENABLED=0") // compiled already, see stacktest.Build
		plain.Stdout, plain.Stderr = os.Stdout, os.Stderr
		if plain.Run() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	var err error
	if dir, err = os.MkdirTemp("", "flagmeter-rollout-"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

func TestBehindAProxy(t *testing.T)       { behindAProxy(t).check(t) }
func TestOnOnePort(t *testing.T)          { onOnePort(t).check(t) }
func TestOnASocketOfSystemd(t *testing.T) { onASocketOfSystemd(t).check(t) }

// BenchmarkDeployments measures what clients notice of ten deployments, at 1,000 requests/s if the
// machine has nothing else to do:
//
//	go test ./test/rollout -run '^$' -bench Deployments -benchtime 1x
func BenchmarkDeployments(b *testing.B) {
	for name, deploy := range map[string]func(testing.TB) *load{"proxy": behindAProxy,
		"port": onOnePort, "systemd": onASocketOfSystemd} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l := deploy(b)
				l.check(b)
				b.ReportMetric(l.reached(), "requests/s")
				b.ReportMetric(l.quantile(0.5).Seconds()*1000, "p50-ms")
				b.ReportMetric(l.quantile(0.99).Seconds()*1000, "p99-ms")
				b.ReportMetric(l.quantile(1).Seconds()*1000, "longest-ms")
			}
		})
	}
}

// behindAProxy is what Coolify does with a Dockerfile application: the new container runs on
// an address of its own, gets requests when it is healthy, and then the old one gets SIGTERM,
// while the proxy still sends requests to both. The flusher and the alerter overlap likewise.
func behindAProxy(t testing.TB) *load {
	r := newRig(t, 80*askEvery)
	p := newProxy(t)
	var api, flusher, alerter *process
	deploy := func(version int) {
		f, a := r.start(version, "flusher", nil), r.start(version, "alerter", nil)
		i := r.start(version, "ingest", nil)
		p.add(i.addr)
		r.await("the proxy finds the new server healthy", func() bool { return p.healthy(i.addr) })
		if api != nil {
			flusher.stop()
			alerter.stop()
			api.stop()
			p.remove(api.addr)
		}
		api, flusher, alerter = i, f, a
	}
	deploy(0)
	l, stop := startLoad(t, p.url, r.drain)
	for version := range deployments {
		l.deployment(func() { deploy(version + 1) })
	}
	stop()
	r.verify(l, p.url)
	return l
}

// onOnePort lets old and new listen on one port with SO_REUSEPORT.
func onOnePort(t testing.TB) *load {
	r := newRig(t, 40*keptEvery)
	r.start(0, "flusher", nil)
	r.start(0, "alerter", nil)
	addr := freeAddress(t)
	settings := []string{"LISTEN_ADDR=" + addr, "REUSE_PORT=true"}
	api := r.start(0, "ingest", nil, settings...)
	l, stop := startLoad(t, "http://"+addr, r.drain)
	for version := range deployments {
		l.deployment(func() {
			next := r.start(version+1, "ingest", nil, settings...) // it listens when it is ready
			api.stop()
			api = next
		})
	}
	stop()
	r.verify(l, "http://"+addr)
	return l
}

// onASocketOfSystemd restarts a service whose socket systemd keeps: connections wait there
// while no process runs.
func onASocketOfSystemd(t testing.TB) *load {
	r := newRig(t, 40*keptEvery)
	r.start(0, "flusher", nil)
	r.start(0, "alerter", nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	addr := listener.Addr().String()
	listener.Close() // the copy remains
	api := r.start(0, "ingest", socket)
	r.ready(addr)
	l, stop := startLoad(t, "http://"+addr, r.drain)
	for version := range deployments {
		l.deployment(func() {
			api.stop()
			api = r.start(version+1, "ingest", socket)
			r.ready(addr)
		})
	}
	stop()
	r.verify(l, "http://"+addr)
	return l
}

// freeAddress is an address that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
