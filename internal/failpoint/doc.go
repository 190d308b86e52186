// Package failpoint lets a test end or freeze a process right after a numbered step of
// its work, and step its clock. A program built without the tag "failpoint" contains
// nothing of it.
//
// In one built with the tag, the environment variable FLAGMETER_FAILPOINT names a role
// and a step: "flusher:5" sends the process SIGKILL after step 5, "flusher:5:stop" sends
// it SIGSTOP, once. Before that the process writes "failpoint flusher:5" to its standard
// error, so that a test knows that it was reached.
//
// The steps are those of the package comments of flusher and alerter.
//
// FLAGMETER_CLOCK names a file. As long as it holds whole seconds, such as -3600s, the
// process' clock shows that much more, as if it had been set: time of day moves, also
// that in the ids that the process makes, and the time elapsed does not.
package failpoint
