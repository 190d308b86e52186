package slacktest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"
)

// Received is a message that an Inbox has received.
type Received struct {
	Path, Text string
	Body       string
	ID         string // webhook-id
}

var alertID = regexp.MustCompile(`alert ([0-9a-f-]{36})`)

// Alert is the id of its alert.
func (m Received) Alert() string {
	if found := alertID.FindStringSubmatch(m.Text); found != nil {
		return found[1]
	}
	return ""
}

// Inbox is a server that keeps the messages it receives. It refuses what Slack would refuse.
type Inbox struct {
	*httptest.Server
	mu       sync.Mutex
	messages []Received
	answer   func(w http.ResponseWriter, r *http.Request) // nil: 200
}

// NewInbox starts a server that runs until the test ends.
func NewInbox(tb testing.TB) *Inbox {
	s := &Inbox{}
	s.Server = httptest.NewServer(s)
	tb.Cleanup(s.Close)
	return s
}

func (s *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	m, err := Check(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.messages = append(s.messages,
		Received{r.URL.Path, m.Text, string(body), r.Header.Get("webhook-id")})
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

// Answers sets how each later request is answered.
func (s *Inbox) Answers(f func(w http.ResponseWriter, r *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// Got returns the messages that have come.
func (s *Inbox) Got() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.messages...)
}
