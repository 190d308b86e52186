// Package command is the command line: one constructor per subcommand, and the wiring of
// the roles.
//
// A role (ingest, flusher, alerter) is a daemon. It ends at start-up for what waiting cannot
// mend, which is bad settings, an address in use or an outdated schema, and waits for stores
// that do not answer yet. When its context ends, it takes no new work, finishes what is in
// hand and returns nil, within DRAIN_TIME + 25 s.
//
// The other commands are for people: they fail at once, with a reason and, where there is
// one, the command that helps.
//
// `flagmeter dev` runs all roles in one process, on private stores unless it is given some.
// It ends in the order demo, roles, stores, so that nothing is refused on the way; what a
// kill -9 costs is in package stack.
package command
