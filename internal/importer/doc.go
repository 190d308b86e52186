// Package importer posts the rows of a CSV file to FlagMeter as events.
//
// It promises that importing the same file again counts nothing twice. Every row becomes
// an event with the id PREFIX-ROW, where ROW is the row's number in the file and PREFIX is
// derived from the file's content unless the caller names one; the server answers
// "duplicate" to an id it has seen within its dedupe window. An import that was killed, or
// that gave up on a server, is therefore finished by running it again.
//
// A file is read twice, once for its hash and once for its rows; memory holds one batch,
// whatever the file's size. One batch is in flight at a time, in the order of the file.
//
// A row that cannot be an event is refused, with its line number and the reason, and the
// import goes on. So it does when the server refuses a batch and says which events are at
// fault: those are dropped and the rest is sent. What would be the same for every row (an
// unknown tenant, a server that stays away) ends the import instead.
package importer
