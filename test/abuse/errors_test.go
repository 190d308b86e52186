package abuse

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// packed is text compressed with gzip.
func packed(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.Bytes()
}

// TestMountainOfErrors sends 1.7 kB of gzip that are 10,000 events with twelve faults each, and
// does not read the answers.
func TestMountainOfErrors(t *testing.T) {
	d := start(t)
	attacker := d.key("ingest", "attacker")
	fields := strings.TrimSuffix(strings.Repeat(`"":0,`, 9), ",")
	body := packed("[" + strings.TrimSuffix(strings.Repeat("{"+fields+"},", 10_000), ",") + "]")

	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+d.ingest.Addr+"/events",
		bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + attacker},
		"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	var problem struct {
		Errors     []json.RawMessage
		ErrorCount int
	}
	if err != nil || resp.StatusCode != http.StatusBadRequest ||
		json.Unmarshal(answer, &problem) != nil {
		t.Fatalf("%s, %v, %.300s", resp.Status, err, answer)
	}
	t.Logf("%d bytes are answered with %d bytes, %d of %d errors", len(body), len(answer),
		len(problem.Errors), problem.ErrorCount)
	if len(answer) > 32<<10 || len(problem.Errors) != 100 || problem.ErrorCount != 120_000 {
		t.Errorf("the answer has %d bytes, %d errors of %d, want at most 32 kB, 100 of 120,000",
			len(answer), len(problem.Errors), problem.ErrorCount)
	}

	honest := d.neighbour()
	honest.served(5)
	c := d.crowd(d.ingest.Addr, 50)
	for range 50 {
		small(c.dial(fmt.Sprintf("POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\n"+
			"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", attacker, len(body), body)))
	}
	honest.served(20)
	honest.leave()
	d.ingest.survives("50 times 120,000 errors, not read")
}
