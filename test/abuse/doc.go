// Package abuse attacks the program as built and checks that it stays up, small and polite.
//
// Every test starts the roles it needs as processes of their own, on real stores, each with the
// memory limit that docker-compose.yml gives its container (as GOMEMLIMIT, at the eight tenths that
// the program itself would choose there). Then it attacks, one kind of attack a file, and holds
// the process to two conditions:
//
//   - Its peak resident memory (VmHWM of /proc/PID/status) stays below the container's limit.
//     Above it the kernel would have killed the process.
//   - An honest client, the neighbour of rig_test.go, goes on getting its answers meanwhile.
//
// Neither is a limit in time: a busy machine makes these tests slow and not wrong.
//
// The rig is in rig_test.go (stores and processes), peak_test.go (memory), neighbour_test.go (the
// honest client) and crowd_test.go (many raw connections). A new attack is a new file that calls
// start. The tests log what they have measured:
//
//	go test ./test/abuse -v
package abuse
