// Package tenants is the directory of tenants that each process keeps in memory.
//
// Postgres is the source, and package mirror keeps what it says. A copy is left in Valkey, again
// if Valkey has lost it: a process that starts while Postgres is down starts from that copy and so
// can accept events.
//
// # Names
//
// A tenant has a key, which never changes, and any number of aliases, one of which people may see
// in place of the key. Get takes them all, in any spelling of the same characters. What it returns
// is counted and stored under Tenant.Name, the key, and shown as Tenant.Shown. Code that takes a
// name from outside must go through Get before comparing or storing it.
//
// Aliases lie in a field of their own beside the copy, written first. The version before writes
// the copy anew whenever that differs from its own by a byte, and knows nothing of the field.
package tenants
