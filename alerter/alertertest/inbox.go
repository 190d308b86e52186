package alertertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/slacktest"
)

// Message is what the world's Slack has received.
type Message struct {
	Path, Text string
	Body       string
	ID         string // webhook-id
}

var alertID = regexp.MustCompile(`alert ([0-9a-f-]{36})`)

// Alert is the id of its alert.
func (m Message) Alert() string {
	if found := alertID.FindStringSubmatch(m.Text); found != nil {
		return found[1]
	}
	return ""
}

// Inbox is a server that keeps the messages it receives. It refuses what Slack would refuse.
type Inbox struct {
	*httptest.Server
	mu       sync.Mutex
	messages []Message
	answer   func(w http.ResponseWriter, r *http.Request) // nil: 200
}

func newInbox(t testing.TB) *Inbox {
	s := &Inbox{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	m, err := slacktest.Check(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.messages = append(s.messages,
		Message{r.URL.Path, m.Text, string(body), r.Header.Get("webhook-id")})
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

// Answers sets the answer to each later request.
func (s *Inbox) Answers(f func(w http.ResponseWriter, r *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// Status answers with a code.
func Status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// Got returns the messages that have come.
func (s *Inbox) Got() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}
