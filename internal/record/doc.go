// Package record owns the stored event: the line of Postgres' COPY text that ingest writes, that
// Valkey keeps as it is, and that the flusher copies into table events unchanged. What other
// packages know of the line, its fields and the time in its id, they ask here.
//
// A line has the fields of Columns, with a tab between two of them and no line feed at its end:
//
//	0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e	acme	chat	1500	2026-08-01 12:00:00.123456+00	\N
//
// The line of an event with a Request has three more: the request's key, the event's place in it,
// and the key's scope.
//
//	0198f3c2-…	acme	chat	1500	2026-08-01 12:00:00.123456+00	\N	7f1c	2	d
//
// Lines of one request, and of requests that are stored together, are joined by line feeds into
// a group. No field contains either character: meter.CheckName refuses control characters.
//
// The id is a UUID of version 7, so it tells when the event arrived, to the millisecond, by the
// clock of the ingest process that took it.
package record
