// Package doctor looks at a deployment from outside and says, for each thing that is wrong with
// it, what to do.
//
// A check is a function that returns findings; its file is named for what it looks at. It
// changes nothing, in neither store, but a key in Valkey that shows when a write is on disk and
// is gone within a minute. The only thing that ever leaves is a test message to each webhook, if
// [Patient.Send] asks for it. A check whose store does not answer is skipped, so
// that one fault is told once.
//
//	ok    as it should be
//	warn  works, but will hurt: slow, tight, less safe than it could be
//	fail  loses events, money or alerts, now or when the next thing breaks
//	skip  cannot be seen from here, and why
//
// What is said contains no secret: every text goes through logging.Clean, and the passwords of
// the settings are taken out of it besides.
package doctor
