package grafana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// scrapeEvery is the interval of the test: a minute has to do for what takes five otherwise.
const scrapeEvery = time.Second

// server is a running Prometheus.
type server struct{ url string }

// startPrometheus runs Prometheus on the rules as they are and on a copy of the configuration
// with shorter intervals, and with the addresses of roles instead of names.
func startPrometheus(t *testing.T, addresses map[string]string) *server {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()

	var c scrapeConfig
	readYAML(t, "prometheus/prometheus.yml", &c)
	c.Global.ScrapeInterval, c.Global.ScrapeTimeout, c.Global.EvaluationInterval = "1s", "1s", "1s"
	rules, err := filepath.Abs("prometheus/rules")
	if err != nil {
		t.Fatal(err)
	}
	c.RuleFiles = []string{filepath.Join(rules, "*.yml")}
	jobs := c.ScrapeConfigs
	c.ScrapeConfigs = nil
	for _, job := range jobs {
		if addresses[job.Name] == "" {
			continue
		}
		job.DNS, job.Static = nil, []staticTarget{{Targets: []string{addresses[job.Name]}}}
		c.ScrapeConfigs = append(c.ScrapeConfigs, job)
	}
	content, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	launch(t, nil, program(t, "prometheus"), "--config.file="+path,
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=warn")
	s := &server{url: "http://" + address}
	waittest.Until(t, "Prometheus is ready", func() bool {
		resp, err := http.Get(s.url + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

// ask calls the API and decodes what it answers as data. A warning is an error too.
func (s *server) ask(ctx context.Context, path string, form url.Values, data any) error {
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/api/v1/"+path+"?"+form.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Warnings      []string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("HTTP status %d: %w", resp.StatusCode, err)
	}
	if answer.Status != "success" || len(answer.Warnings) > 0 {
		return fmt.Errorf("%s %s %s", answer.Status, answer.Error, strings.Join(answer.Warnings, ", "))
	}
	return json.Unmarshal(answer.Data, data)
}

// errNothing is the error of a query without a number in its answer.
var errNothing = errors.New("the answer is empty")

// line is one series of an answer.
type line struct {
	Metric map[string]string
	Value  sample   // of an instant query
	Values []sample // of a range query
}

type sample [2]any // seconds, and the number as text

func (s sample) number() float64 {
	text, _ := s[1].(string)
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

// query asks for the values from one time to another, second by second, or at its end only.
// It fails if there is not a single number.
func (s *server) query(ctx context.Context, expr string, instant bool, from, to time.Time) ([]line,
	error) {
	path, form := "query_range", url.Values{"query": {expr}, "start": {stamp(from)},
		"end": {stamp(to)}, "step": {"1"}}
	if instant {
		path, form = "query", url.Values{"query": {expr}, "time": {stamp(to)}}
	}
	var data struct{ Result []line }
	if err := s.ask(ctx, path, form, &data); err != nil {
		return nil, err
	}
	for _, l := range data.Result {
		for _, v := range append(l.Values, l.Value) {
			if f := v.number(); !math.IsNaN(f) && !math.IsInf(f, 0) {
				return data.Result, nil
			}
		}
	}
	return data.Result, errNothing
}

func stamp(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3,
		64)
}
