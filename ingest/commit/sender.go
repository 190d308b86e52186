package commit

import (
	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Sender is the API key that a request was sent with, the tenant that the key is bound to, and its
// rate; zero if the request had no credential.
type Sender struct {
	Key    uuid.UUID
	Tenant string
	Rate   meter.Rate
}

// Flow names the queues that the sender's requests wait in.
func (s Sender) Flow() string { return s.Tenant + "\t" + string(s.Key[:]) }

// Known reports whether the request had a credential.
func (s Sender) Known() bool { return s.Key != uuid.UUID{} || s.Tenant != "" }
