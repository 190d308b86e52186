package notify

import (
	"errors"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Notifier implements one kind of webhook: how it writes and signs a message, and how it reads the
// answer. It holds no state, so any number of goroutines may use it.
type Notifier interface {
	// Table names the table in which operators keep webhooks of this kind.
	Table() string
	// Paced reports whether a URL takes at most one message a second.
	Paced() bool
	// Body encodes the event as JSON.
	Body(Event) ([]byte, error)
	// Keys returns the keys that sign messages to the target. Its errors are fixed words.
	Keys(Target) ([]*webhooks.Webhook, error)
	// Judge turns an answer with status 2xx into a failure if it says that the message will not be
	// shown.
	Judge(r *Reply, contentType string)
}

// Target is where a message goes. All of it is secret.
type Target struct {
	URL string
	// Secret signs the messages, and so does Previous during a rotation; both may be empty.
	Secret, Previous string
}

// Message is one message for one target.
type Message struct {
	url   string // secret
	id    string // the same in every attempt
	keys  []*webhooks.Webhook
	body  []byte // JSON
	judge func(r *Reply, contentType string)
}

var (
	errEncode = errors.New("message cannot be encoded")
	// ErrSecret reports that a target's secret cannot be a key, without quoting it.
	ErrSecret = errors.New("webhook secret is malformed")
)

// NewMessage writes what n sends to the target. Its errors are fixed words.
func NewMessage(n Notifier, to Target, id string, e Event) (m Message, err error) {
	m = Message{url: to.URL, id: id, judge: n.Judge}
	if m.body, err = n.Body(e); err != nil {
		return m, errEncode
	}
	m.keys, err = n.Keys(to)
	return m, err
}
