package price

import (
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Key says what a price is for.
type Key struct {
	Tenant   string // the key of the tenant that negotiated it; "" is the list price
	Provider string // as CanonicalProvider has it; "" is every provider
	Model    string
	Tier     meter.ServiceTier
	Pool     meter.Pool
	// Above is the context tier: the input tokens above which the price holds. 0 is any input.
	Above int64
}

// Row is a price, as table prices keeps it.
type Row struct {
	Key
	// Inclusive says that an input of exactly Above tokens is in the context tier.
	Inclusive bool
	Price     meter.TokenPrice
	// Withdrawn says that there is no such price from From on. Price is 0 then.
	Withdrawn bool
	From      time.Time // the event's time from which it holds, to the microsecond
	Shipped   bool      // came with the program; any price of the operator's wins
	Source    string    // where it is from, for people
	CheckedAt time.Time // when it was last compared with its source
}

// Name lets another name lead to a model.
type Name struct {
	Provider string `db:"provider"` // as CanonicalProvider has it; "" is every provider
	// Name is an alias, or a pattern if it has a #.
	Name string `db:"name"`
	// Model is the name of its prices, "" if Name leads nowhere any more.
	Model   string `db:"model"`
	Shipped bool   `db:"shipped"`
	Source  string `db:"source"`
}
