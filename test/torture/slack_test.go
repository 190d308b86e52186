package torture

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/slacktest"
)

// slack stands in for Slack: it takes every message that Slack would take and counts them by
// alert id. A message that is repeated must be the same to the letter.
type slack struct {
	url string

	mu       sync.Mutex
	messages map[string]int    // by alert id
	first    map[string]string // by alert id: webhook-id and body of its first message
}

var alertID = regexp.MustCompile(`alert ([0-9a-f-]{36})`)

func newSlack(t *testing.T) *slack {
	s := &slack{messages: map[string]int{}, first: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the alerter was killed while it sent
		}
		m, err := slacktest.Check(body)
		if err != nil {
			t.Errorf("Slack would refuse a message: %v: %s", err, body)
		}
		id := alertID.FindStringSubmatch(m.Text)
		if id == nil || r.Header.Get("webhook-id") == "" || r.Header.Get("webhook-signature") == "" {
			t.Errorf("Slack got a message without an alert id or the headers: %s", body)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.messages[id[1]]++
		message := r.Header.Get("webhook-id") + " " + string(body)
		if first := s.first[id[1]]; first != "" && first != message {
			t.Errorf("alert %s was repeated in other words: %s, then %s", id[1], first, message)
		}
		s.first[id[1]] = message
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
