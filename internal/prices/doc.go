// Package prices keeps the price book of the deployment in memory.
//
// Postgres is the source. Refresh, called every second, reads one number and makes a new book only
// if that number has changed, so a new price is in force within two seconds. A copy lies in Valkey:
// a process that starts while Postgres is down starts from it, and can price events.
package prices
