package ledger

import "strconv"

// Position says how far a shard has come. Its low 32 bits count hand-outs, the high ones, the
// epoch, recoveries from lost writes. It only grows: a Valkey that is behind a position that
// somebody knows has lost writes.
//
// Valkey's scripts hold it in a double, exact up to 2^53: enough for two million recoveries.
type Position int64

// MaxShards is the largest number of shards of a deployment.
const MaxShards = 1024

// Epoch is by how much a recovery moves a position. Hand-outs move it by one or two a second.
const Epoch = 1 << 32

// NextEpoch is the position from which a shard goes on after a recovery that has begun at p.
func (p Position) NextEpoch() Position { return p + Epoch }

// RecoveredSince reports whether a recovery lies between an earlier position and p.
func (p Position) RecoveredSince(earlier Position) bool { return p >= earlier+Epoch }

// MarshalBinary is how Valkey's client sends a position: as a decimal integer.
func (p Position) MarshalBinary() ([]byte, error) { return strconv.AppendInt(nil, int64(p), 10), nil }
