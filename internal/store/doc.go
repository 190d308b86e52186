// Package store holds the Postgres queries that more than one role needs: opening
// the database, the tenants table, and what is settled for live usage.
package store
