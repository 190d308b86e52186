// Package backend names what every room of the API works with.
package backend

import (
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Backend is the stores, what is known of them in memory, the clock and the log. All of it is
// required, and safe for concurrent use.
type Backend struct {
	DB      *sqlx.DB
	Valkey  *scripts.Valkey
	Tenants *tenants.Directory
	Live    *usage.Live
	Now     func() time.Time
	Log     *slog.Logger
	// Currency is what all money is in.
	Currency string
}
