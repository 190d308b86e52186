// Package valkey is about the server, not about what FlagMeter keeps there: how to connect, what
// the server reports about itself, how durably it writes, and what its failures mean. Package
// scripts holds everything about FlagMeter's state.
package valkey
