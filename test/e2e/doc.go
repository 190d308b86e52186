// Package e2e tests the program as a whole, on real stores: every subcommand by its exit status and
// what it prints, the roles in processes as built, the dashboard in a real browser, the scripts of
// k6, and the rules that hold for all of the repository. It has tests only.
//
// Most tests run a command line in their own process (execute, succeed, launch of rig_test.go);
// what depends on the process, such as signals, systemd's sockets and what is built in, runs the
// program as the Makefile builds it (build, spawn of roles_test.go).
//
//	go test ./test/e2e -run TestDashboard                        the dashboard
//	go test ./test/e2e -run TestProgramAsBuilt/metrics -update   writes the table of docs/METRICS.md
package e2e
