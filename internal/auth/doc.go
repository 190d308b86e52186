// Package auth identifies the caller of the API, and decides what the caller may do.
//
// # Three credentials
//
//	API key   Authorization: Bearer fm_<scope>_…   key.go       for backends and operators
//	token     Authorization: Bearer <JWT>          token.go     for a customer's dashboard
//	session   a cookie, begun with a key           session.go   for an operator's browser
//
// Each becomes a Principal: a scope, and the tenant it is bound to, if any. A route declares its
// Need next to its path. A Gate turns a request into a Principal, which tells the route whose data
// it may show. A credential that is bound to a tenant gets the answer "does not exist" for every
// other tenant.
//
// # On the path of a request
//
// A request needs memory only: a Directory of live keys, and the public keys of tokens. An API key
// costs a SHA-256, a look into a map and a comparison in constant time (0.2 µs); a token or a
// session costs one signature (6 to 80 µs). Verification results are not cached:
//
//	go test ./internal/auth -run '^$' -bench . -benchmem
//
// # How a key is known, and how it ends
//
// Postgres is the source. Every second each process reads one number there, and the table if that
// number has changed. The process leaves a copy of the live keys in Valkey, for a process that
// starts while Postgres is down. A revocation is written to Valkey and to Postgres. Every process
// reads both each second, in two loops that do not wait for each other. A revocation takes one
// second plus the time of a read.
//
// A key works if it is in the table, or in the copy, and is not revoked. The set of revoked keys
// only grows in a process, so a key that the process has seen revoked never works there again. If a
// store or a process fails:
//
//   - Postgres is down: a revocation is in force through Valkey. The first process that reaches
//     Postgres again writes it there, before or in the same second in which it could issue anything
//     new.
//   - Valkey is down: a revocation is in force through Postgres. The copy in Valkey is older, but a
//     process that starts reads the table, or does not start at all without Valkey's revocations.
//   - The command dies between the two writes: it writes to Valkey first, so the case is the same
//     as if Postgres had been down.
//   - Valkey loses a revocation before Postgres knows it: every process that has read it writes it
//     again. It is lost only if no process had read it, within its first second.
//   - A process with an older view overwrites the copy: Valkey keeps a revocation for a day after
//     Postgres knows it, and every reader removes revoked keys from the copy. A process forgets a
//     revocation only after a read of Postgres that began after the process learned of it.
//   - Both are down: no key can be revoked, and the command says so. The processes go on with
//     what they know; but without Valkey no event is accepted and no figure is read.
//   - Postgres is replaced by an older backup: keys that were revoked since are live again,
//     except those of the last day. Revoke them again, as docs/AUTH.md says.
//
// # Keys that keys have made
//
// A key outlives its maker, and a revocation ends one key. RevokeMade ends the keys that a key has
// made, in one transaction of Postgres that holds the row which each new key locks too. A key is
// stored only if its maker is not revoked by then. So a new key is either seen by that transaction
// or refused. If a process dies in between, either only the key itself is revoked, or everything is
// revoked in Postgres, which every process reads.
//
// # What an attacker finds
//
//   - A stolen database or Valkey has SHA-256 hashes of 256 random bits, and public keys. None
//     of them is a credential, and no credential follows from them.
//   - A stolen session is good for the rest of its 12 hours, until its key is revoked. It does
//     not reveal the key.
//   - Every refusal for lack of a credential is the same, byte by byte. The checksum reveals only
//     typing errors, which anyone can compute. Timing: a hash that does not exist takes the same
//     comparison as one that does.
//   - A token names its algorithm, but not the kind of key for it: HS256 goes with the secret, the
//     others with public keys of their kind, "none" with nothing. Keys and addresses in a token's
//     header are ignored.
//   - Claims, public keys and the copy in Valkey are read by exact names, each of them once: every
//     reader finds the same tenant in a token that has both "Tenant" and "tenant".
//   - A stolen signing key is good until it is out of the set. An attacker who keeps the set from
//     being read gains JWT_JWKS_MAX_AGE; a token gains no more than JWT_MAX_LIFETIME.
//   - A token with an unknown key id causes an earlier fetch of the set, in the background, at most
//     once in half a minute.
//   - A page of another origin cannot use a session: the cookie is SameSite=Strict, changes
//     from another origin are refused (http.CrossOriginProtection), and /live requires the same
//     origin.
package auth
