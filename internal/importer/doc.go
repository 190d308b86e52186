// Package importer posts the rows of a CSV file to FlagMeter as events.
//
// It promises that a row counts once, however often and in whatever company it is imported
// within the server's dedupe window. An import that was killed, or that gave up on a server,
// is therefore finished by running it again; a file in which refused rows were mended, or to
// which rows were added, is imported as a whole again.
//
// # Identity of a row
//
// The server counts an event's id once per tenant. So the question is which rows get the same
// id. There are three answers, and the options choose one:
//
//	--id COLUMN        the cell                   the file knows its rows
//	(nothing)          row-HASH-N                 content and occurrence
//	--id-prefix PREFIX PREFIX-ROW                 place in the file: for a file that never changes
//
// With content and occurrence, HASH is 128 bits of SHA-256 over the row's cells, each with the
// name of its column, and over --source; N says that this is the file's N-th row with that
// HASH. A file is then a multiset of rows: k equal rows have the ids HASH-1 … HASH-k, whichever
// of them comes first. What follows from that, file by file:
//
//	edit                                  ids                      the total is
//	nothing; reorder rows or columns      all kept                 that of the file
//	append, prepend, insert rows          all kept, new ones new   that of the file
//	mend a row that was refused           all kept, one new        that of the file
//	save with other separators, quotes,
//	line ends or encoding; compress       all kept                 that of the file
//	split into several files              all kept, but for equal  that of the file, if the whole
//	                                      rows in different parts  was imported before; see below
//	delete a row                          the rest kept            as before: it stays counted
//	change a row that was counted         one new                  both versions: see below
//	rename or add a column                all new                  both files
//
// A changed row looks exactly like another row. Only the file can tell the two apart: with
// --id the server knows the id under other content and refuses the row as a conflict, so the
// first version stays counted and nothing counts twice.
//
// The same rows in two files are taken for a repeat, as in two exports that overlap. If they
// are not, because rows name no time and two hours happen to look alike, --source NAME keeps
// the files apart: it is part of HASH. The same is true of equal rows in the parts of a file
// whose whole was never imported. The report says how many rows were known before, and how to
// import them with a source if they are not repeats.
//
// The hash covers all cells, not the counted ones, because two calls of equal size in the same
// second differ in some other column. It covers none of the other options: a row that is
// imported again with another feature, token column, time column or zone has the same id and
// other content, which the server refuses. To count it under both, give one import a source.
//
// Ids are forgotten after the dedupe window, which the server names in its answers. The report
// says until when the import may be repeated, and warns when accepted rows are older than the
// window: an import of the same rows before that time is forgotten, and they count again.
//
// # Reading
//
// A file is read once, row by row. Memory holds one batch and, for content and occurrence, a
// counter for each distinct row. One batch is in flight at a time, in the order of the file.
// Compression, encoding, line ends and separators are recognised and named; see input.go. A
// file that grows meanwhile is read as far as it was, and half a row at its end is refused.
//
// A row that cannot be an event is refused, with its line number and the reason, and the
// import goes on. So it does when the server refuses a batch and says which events are at
// fault: those are dropped and the rest is sent. Rows that are no events, empty ones and
// totals, are skipped and named. What would be the same for every row (an unknown tenant, a
// server that stays away) ends the import instead.
package importer
