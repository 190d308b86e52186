// Package doctor examines a deployment from outside and says how to correct each problem.
//
// A check is a function that returns findings; its file is named for its subject. A check changes
// nothing in either store, except a key in Valkey that shows when a write is on disk and expires
// within a minute. The doctor sends nothing out, except a test message to each webhook if
// [Patient.Send] asks for it. A check whose store does not answer is skipped, so that one fault is
// reported once.
//
//	ok    as it should be
//	warn  works, but will hurt: slow, tight, less safe than it could be
//	fail  loses events, money or alerts, now or when the next thing breaks
//	skip  cannot be seen from here, and why
//
// What is said contains no secret: every text goes through logging.Clean, and the passwords of
// the settings are taken out of it besides.
package doctor
