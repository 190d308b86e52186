// Package backlog measures what waits in Valkey for Postgres. It needs neither the flusher nor
// Postgres, so the backlog is reported even while they are down.
package backlog
