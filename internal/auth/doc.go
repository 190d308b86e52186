// Package auth tells who calls the API, and what they may do.
//
// # Three credentials
//
//	API key   Authorization: Bearer fm_<scope>_…   key.go       for backends and operators
//	token     Authorization: Bearer <JWT>          token.go     for a dashboard in a customer's hands
//	session   a cookie, begun with a key           session.go   for an operator's browser
//
// Each becomes a Principal: a scope, and the tenant it is bound to, if any. A route declares
// its Need beside its path; a Gate turns a request into a Principal, which the route asks
// whose data it may show. A credential that is bound to a tenant gets for every other tenant
// the answer for one that does not exist.
//
// # On the way of a request
//
// Nothing but memory: a Directory of live keys, and the public keys of tokens. An API key
// costs a SHA-256, a look into a map and a comparison in constant time (0.2 µs); a token or a
// session costs one signature (6 to 80 µs). Verification results are not cached:
//
//	go test ./internal/auth -run '^$' -bench . -benchmem
//
// # How a key is known, and how it ends
//
// Postgres is the source. Every second each process reads one number there, and the table if
// that has changed. It leaves a copy of the live keys in Valkey, for a process that starts
// while Postgres is away. A revocation is written to Valkey and to Postgres, and every process
// reads both each second, by two loops of which neither waits for the other; one second, plus
// the time of a read, is what a revocation takes.
//
// A key works if it is in the table, or in the copy, and not among what was revoked. What was
// revoked only grows in a process, so that a key that was seen revoked never works there
// again. If a store or a process fails:
//
//   - Postgres is down: a revocation is in force by Valkey. The first process that reaches
//     Postgres again tells it, before or in the same second in which it could hand out anything
//     new.
//   - Valkey is away: it is in force by Postgres. The copy there is older, but a process that
//     starts reads the table, or does not start at all without what Valkey has noted.
//   - The command dies between the two writes: Valkey has been told first, and it goes on as
//     if Postgres had been away.
//   - Valkey loses what it had noted before Postgres knows: every process that has read it
//     writes it again. Only if no process had read it, within its first second, is it lost.
//   - A process with an older view overwrites the copy: what was revoked stays noted for a day
//     after Postgres knows, and is taken off the copy by whoever reads it. It is forgotten only
//     after a look at Postgres that began after it was learned.
//   - Both are away: no key can be revoked, and the command says so. The processes go on with
//     what they know; but without Valkey no event is accepted and no figure is read.
//   - Postgres is replaced by an older backup: keys that were revoked since are live again,
//     except those of the last day. Revoke them again, as docs/AUTH.md says.
//
// # Keys that keys have made
//
// A key outlives its maker, and a revocation ends one key. Those that it has made are ended by
// RevokeMade, in one transaction of Postgres that holds the row which each new key locks too. A key
// is stored only if its maker is not revoked by then. So a new key is either seen by that
// transaction or refused. If a process dies in between, nothing is revoked but the key itself, or
// everything in Postgres, which every process reads.
//
// # What an attacker finds
//
//   - A stolen database or Valkey has SHA-256 hashes of 256 random bits, and public keys. None
//     of them is a credential, and no credential follows from them.
//   - A stolen session is good for the rest of its 12 hours, until its key is revoked. It does
//     not give the key away.
//   - Every refusal for want of a credential is the same, byte by byte; the checksum tells of a
//     typing error only what anybody can work out. Timing: a hash that is not there is compared
//     with as one that is.
//   - A token names its algorithm, but not the kind of key that goes with it: HS256 goes with
//     the secret, the others with public keys of their own kind, "none" with nothing. Keys and
//     addresses in a token's header are not looked at.
//   - Claims, public keys and the copy in Valkey are read by exact names, each of them once: a
//     token with "Tenant" beside "tenant" is the same tenant's to every reader.
//   - A stolen signing key is good until it is out of the set. Who keeps the set from being read
//     gains JWT_JWKS_MAX_AGE; a token gains no more than JWT_MAX_LIFETIME.
//   - A token with an unknown key id makes the set be fetched earlier, in the background, at most
//     once in half a minute.
//   - A page of another origin cannot use a session: the cookie is SameSite=Strict, changes are
//     refused that come from another origin (http.CrossOriginProtection), and /live asks for
//     the same origin.
package auth
