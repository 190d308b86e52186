package torture

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"
)

// slack stands in for Slack: it takes every message and counts them by alert id.
type slack struct {
	url string

	mu       sync.Mutex
	messages map[string]int // by alert id
}

var alertID = regexp.MustCompile(`alert ([0-9a-f-]{36})`)

func newSlack(t *testing.T) *slack {
	s := &slack{messages: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the alerter was killed while it sent
		}
		id := alertID.FindSubmatch(body)
		if id == nil {
			t.Errorf("Slack got a message without an alert id: %s", body)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.messages[string(id[1])]++
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// count returns how often a message of the alert has arrived.
func (s *slack) count(alert string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messages[alert]
}

// alerts is how many different alerts have arrived.
func (s *slack) alerts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.messages)
}
