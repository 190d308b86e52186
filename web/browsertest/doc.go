// Package browsertest drives a real browser in tests: Chromium or Chrome, headless, on a
// profile of its own that is thrown away, and with everything off that would talk to the
// network by itself.
//
// Without a browser a test is skipped with the line that installs one; where CI is set it
// fails, because there nobody would see what was left out.
package browsertest
