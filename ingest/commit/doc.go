// Package commit counts events in Valkey, or says why it does not.
package commit
