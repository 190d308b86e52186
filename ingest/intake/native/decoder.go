package native

import (
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
)

// Decoder is FlagMeter's own format of events, and of the answer to them.
type Decoder struct {
	// Tenants knows the names from before that new tenants and features may not have.
	Tenants *tenants.Directory
}

// Decode reads the events of a body that arrived at now. The events share no memory with the body.
func (d Decoder) Decode(contentType string, body []byte, now time.Time) ([]meter.Event, error) {
	events, refused := decodeEvents(contentType, body, now, d.Tenants)
	if refused != nil { // as an error, nil must be nil
		return nil, refused
	}
	return events, nil
}
