// Package meter is the domain of FlagMeter: events, tenants, billing periods, shares
// of a quota, pools of tokens and money. It is pure: no I/O, no clock, no state. Every
// function is a function of its arguments and may be called from any number of
// goroutines, so a crash costs nothing here.
//
// # Units
//
// Tokens are int64 counts. A quota is tokens per billing period; 0 means none.
// Money is int64 nano-units of the deployment's currency, and a price nano-units for
// 1,000,000 tokens of a [Pool]; texts are decimals, never floating point.
// Instants are time.Time in UTC, to the microsecond where Postgres keeps them.
// Dates are [Day] values: local dates of the tenant, without a clock or a zone.
//
// # Dates decide
//
// A billing period starts at local midnight of the tenant's billing day and ends
// where the next one starts. Days 29 to 31 fall on the last day of a shorter
// month, and the month after goes back to the original day.
//
// An event belongs to the period that holds its local date. Usage is stored by
// local date, so periods, usage and alerts can never disagree about which side
// of midnight an event is on. The instants [Period.Start] and [Period.End] are
// derived from the dates and serve for display.
//
// The two views agree except where a zone turned its clocks back over midnight
// and so visited a date twice, as St. John's did each autumn up to 2010, at 00:01.
// An event of such a second visit still belongs to its date, although it lies
// after the instant at which the next date first began. No zone of the IANA
// database has done so since, and none is going to by the rules it holds.
package meter
