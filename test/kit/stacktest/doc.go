// Package stacktest gives a test real stores that are its own.
//
// New shares one Valkey and one Postgres among all tests of a test binary; each test gets a
// fresh migrated database (a copy of a template, some 60 ms) and a Valkey database number.
// Own starts servers for one test alone, which may then kill them or change their settings.
//
// Nothing has to be shut down and no TestMain is needed: the servers stop when the test
// binary ends, see package stack. A test fails, and is not skipped, on a machine without the
// server programs.
package stacktest
