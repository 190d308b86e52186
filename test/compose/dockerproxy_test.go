package compose_test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// docker stands in for Docker's engine behind its socket: it says what it was asked, and a log that
// is followed has one line until its reader leaves.
type docker struct {
	asked chan string
	left  chan struct{}
}

func (d *docker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.asked <- r.Method + " " + r.RequestURI
	fmt.Fprintln(w, "one line")
	if r.URL.Query().Has("follow") {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		d.left <- struct{}{}
	}
}

// runDockerProxy starts the proxy as its container does, in front of a stand-in, and returns its
// address.
func runDockerProxy(t *testing.T) (*docker, string) {
	t.Helper()
	program := cmp.Or(os.Getenv("FLAGMETER_HAPROXY"), "haproxy")
	if _, err := exec.LookPath(program); err != nil {
		if program, err = exec.LookPath("/usr/sbin/haproxy"); err != nil { // not in PATH but root's
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	m := newMachine(t)
	socket, err := net.Listen("unix", m.dir+"/docker.sock")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(m.dir+"/docker.sock", 0o777); err != nil { // for the account of the proxy
		t.Fatal(err)
	}
	d := &docker{make(chan string, 100), make(chan struct{}, 1)}
	server := &http.Server{Handler: d}
	go func() { _ = server.Serve(socket) }()
	t.Cleanup(func() { server.Close() })
	s := load(t, "docker-compose.yml").Services["dockerproxy"]
	m.start(m.command(program, m.args(s.Entrypoint)[1:]...), time.Duration(*s.StopGracePeriod))
	address := fmt.Sprintf("127.0.0.1:%d", m.proxy)
	waittest.Succeeds(t, "reach the proxy", func() error {
		_, err := get("http://" + address + "/_ping")
		return err
	})
	for len(d.asked) > 0 {
		<-d.asked
	}
	return d, address
}

// exchange sends a request as it stands and returns the status of the answer, 0 for none.
func exchange(t *testing.T, address, request, headers string) int {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn,
		request+" HTTP/1.1\r\nHost: dockerproxy:2375\r\n"+headers+"Connection: "+
			"close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// What Alloy reads passes; whatever else can be asked of Docker does not reach it.
func TestDockerProxyPassesWhatAlloyReads(t *testing.T) {
	d, address := runDockerProxy(t)
	id := strings.Repeat("0a", 32)
	for _, request := range []string{
		"GET /_ping", "HEAD /_ping", "GET /version", "GET /v1.47/events?since=1", "GET /networks",
		"GET /v1.24/networks?filters=%7B%7D",
		"GET /containers/json?filters=%7B%22label%22%3A%7B%22flagmeter.logs%3Dtrue%22%3Atrue%7D%7D",
		"GET /v1.51/containers/json",
		"GET /containers/" + id + "/json", "GET /v1.47/containers/" + id +
			"/logs?stdout=1&stderr=1&since=0",
	} {
		if got := exchange(t, address, request, ""); got != 200 {
			t.Errorf("%s: %d", request, got)
			continue
		}
		if got := <-d.asked; got != request {
			t.Errorf("%s came as %s", request, got)
		}
	}
	for _, refused := range []struct{ request, headers string }{
		{"POST /containers/create", ""}, {"POST /containers/" + id + "/exec", ""},
		{"POST /containers/" + id + "/kill", ""},
		{"POST /containers/json", ""}, {"PUT /containers/" + id + "/archive?path=/etc", ""},
		{"DELETE /containers/" + id, ""},
		{"OPTIONS /_ping", ""}, {"CONNECT /containers/json", ""}, {"get /_ping", ""},
		{"POST /_ping", "X-HTTP-Method-Override: GET\r\n"},
		{"GET /containers/" + id + "/archive?path=/run/secrets", ""},
		{"HEAD /containers/" + id + "/archive?path=/run/secrets", ""},
		{"GET /containers/" + id + "/export", ""}, {"GET /containers/" + id + "/top", ""},
		{"GET /containers/" + id + "/changes", ""},
		{"GET /containers/" + id + "/stats", ""},
		{"GET /containers/" + id + "/attach/ws?stdin=1&stream=1", "Upgrade: websocket\r\n"},
		{"GET /containers/" + id + "/logs", "Upgrade: tcp\r\n"}, {"GET /version", "Upgrade: h2c\r\n"},
		{"GET /containers/other/json", ""},
		{"GET /containers/" + id[1:] + "/json", ""}, {"GET /containers//json", ""},
		{"GET /containers/" + id + "/logs/", ""},
		{"GET /containers/" + id + "/../" + id + "/archive", ""},
		{"GET /containers/" + id + "/json/../archive", ""},
		{"GET /containers/" + id + "%2farchive", ""}, {"GET /containers/" + id + "/%61rchive", ""},
		{"GET /%63ontainers/json", ""},
		{"GET //containers/json", ""}, {"GET /./containers/json", ""}, {"GET /containers/json/", ""},
		{"GET /CONTAINERS/json", ""},
		{"GET /v1.47/v1.47/version", ""}, {"GET /v1.47x/version", ""}, {"GET /x/version", ""},
		{"GET /version%0a", ""}, {"GET /version;x", ""},
		{"GET /networks/0a", ""}, {"GET /info", ""}, {"GET /images/json", ""}, {"GET /images/x/get", ""},
		{"GET /secrets", ""},
		{"GET /configs", ""}, {"GET /volumes", ""}, {"GET /plugins", ""}, {"GET /swarm", ""},
		{"GET /nodes", ""}, {"GET /services", ""},
		{"GET /tasks", ""}, {"GET /exec/" + id + "/json", ""}, {"GET /system/df", ""},
		{"GET /session", ""}, {"GET /grpc", ""},
		{"GET /distribution/x/json", ""}, {"GET /", ""}, {"GET /metrics", ""},
	} {
		if got := exchange(t, address, refused.request, refused.headers); got != 403 && got != 400 {
			t.Errorf("%s: %d", refused.request, got)
		}
	}
	select {
	case asked := <-d.asked:
		t.Errorf("what was to be refused has reached Docker: %s", asked)
	default:
	}
}

// Whoever leaves a log that is followed makes room for others, also if the log is silent.
func TestDockerProxyEndsWhatNobodyReads(t *testing.T) {
	d, address := runDockerProxy(t)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /containers/%s/logs?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n",
		strings.Repeat("0a", 32))
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil ||
		resp.StatusCode != 200 {
		t.Fatalf("follow a log: %v", err)
	}
	conn.Close()
	waittest.Receive(t, "Docker hears that the reader has left", d.left)
}
