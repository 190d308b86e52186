// Package failpoint lets a test end or freeze a process right after a numbered step of
// its work. A program built without the tag "failpoint" contains nothing of it.
//
// In one built with the tag, the environment variable FLAGMETER_FAILPOINT names a role
// and a step: "flusher:5" sends the process SIGKILL after step 5, "flusher:5:stop" sends
// it SIGSTOP, once. Before that the process writes "failpoint flusher:5" to its standard
// error, so that a test knows that it was reached.
//
// The steps are those of the package comments of flusher and alerter.
package failpoint
