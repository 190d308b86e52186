package hostile

import "strings"

// framing are requests about whose end proxies and servers disagree. What would be a
// smuggled request asks for /smuggled: its 404 shows where this server thinks it begins.
func framing() []attack {
	const next = "GET /smuggled HTTP/1.1\r\n" + hostLine + "\r\n"
	chunked := func(body string) string { return post("Transfer-Encoding: chunked\r\n", body) }
	return []attack{
		{name: "two requests at once", raw: sized("", "{}") + next, want: "400 invalid-event, 404 not-found"},
		{name: "twenty requests at once", raw: strings.Repeat(next, 20), want: strings.Repeat("404 not-found, ", 19) + "404 not-found"},
		{name: "nothing behind the second request", raw: next + "GET ", want: "404 not-found, 400"},
		{name: "no request", raw: "", want: ""},
		{name: "only line feeds", raw: "\r\n\r\n\r\n", want: "400"},

		// RFC 9112 section 6.3: of the two, Transfer-Encoding counts.
		{name: "CL.TE: a length and chunks", raw: post("Content-Length: 9\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nGET "), want: "400 invalid-event, 400"},
		{name: "TE.CL: chunks and a length", raw: post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "2\r\n{}\r\n0\r\n\r\n"+next), want: "400 invalid-event, 404 not-found"},
		{name: "a length of 0 and chunks", raw: post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"), want: "400 invalid-event"},
		{name: "two equal lengths", raw: post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"+next), want: "400 invalid-event, 404 not-found"},
		{name: "two different lengths", raw: post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"+next), want: "400"},
		{name: "a list of lengths", raw: post("Content-Length: 2, 2\r\n", "{}"), want: "400"},
		{name: "a length with a sign", raw: post("Content-Length: +2\r\n", "{}"), want: "400"},
		{name: "a negative length", raw: post("Content-Length: -2\r\n", "{}"), want: "400"},
		{name: "a length in hexadecimal", raw: post("Content-Length: 0x2\r\n", "{}"), want: "400"},
		{name: "a length with a space inside", raw: post("Content-Length: 2 2\r\n", "{}"), want: "400"},
		{name: "a length that is empty", raw: post("Content-Length: \r\n", "{}"), want: "400"},
		{name: "a length of 2^63", raw: post("Content-Length: 9223372036854775808\r\n", "{}"), want: "400"},
		{name: "a length of 2^64 + 2", raw: post("Content-Length: 18446744073709551618\r\n", "{}"), want: "400"},
		{name: "a length of 2^63 - 1", raw: post("Content-Length: 9223372036854775807\r\n", "{}"), want: "413 too-large"},
		{name: "a body without a length", raw: post("", next), want: "400 invalid-event, 404 not-found"},
		{name: "a body behind a GET", raw: get("/nowhere", "Content-Length: 2\r\n") + "{}" + next, want: "404 not-found, 404 not-found"},
		{name: "chunks behind a GET", raw: get("/nowhere", "Transfer-Encoding: chunked\r\n") + "2\r\n{}\r\n0\r\n\r\n" + next, want: "404 not-found, 404 not-found"},

		{name: "TE: identity", raw: post("Transfer-Encoding: identity\r\nContent-Length: 2\r\n", "{}"), want: "501"},
		{name: "TE: gzip, chunked", raw: post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), want: "501"},
		{name: "TE: chunked, identity", raw: post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), want: "501"},
		{name: "TE: chunked, chunked", raw: post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), want: "501"},
		{name: "TE twice", raw: post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), want: "501"},
		{name: "TE: xchunked", raw: post("Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n", "{}"), want: "501"},
		{name: "TE: empty", raw: post("Transfer-Encoding: \r\nContent-Length: 2\r\n", "{}"), want: "501"},
		{name: "TE: a vertical tab before chunked", raw: post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), want: "400"},
		{name: "TE: with quotes", raw: post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), want: "501"},
		{name: "TE: with a space before the colon", raw: post("Transfer-Encoding : chunked\r\nContent-Length: 2\r\n", "{}"), want: "400"},
		{name: "TE: on a folded line", raw: post("Transfer-Encoding:\r\n chunked\r\nContent-Length: 2\r\n", "{}"), want: "400 incomplete-body"},
		{name: "TE: in HTTP/1.0", raw: strings.Replace(post("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", "{}"), "HTTP/1.1", "HTTP/1.0", 1) + next, want: "400 invalid-event"},
		{name: "TE: in another case", raw: post("transfer-encoding: CHUNKED\r\n", "2\r\n{}\r\n0\r\n\r\n"), want: "400 invalid-event"},

		{name: "chunks", raw: chunked("1\r\n{\r\n1\r\n}\r\n0\r\n\r\n" + next), want: "400 invalid-event, 404 not-found"},
		{name: "chunk extensions", raw: chunked("2;a=b;c=\"d\"\r\n{}\r\n0;e\r\n\r\n"), want: "400 invalid-event"},
		{name: "a chunk extension of 64 kB", raw: chunked("2;" + strings.Repeat("x", 64<<10) + "\r\n{}\r\n0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "extensions of many small chunks", raw: chunked(strings.Repeat("1;"+strings.Repeat("x", 100)+"\r\n \r\n", 2000) + "0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "a chunk size of 2^64", raw: chunked("10000000000000000\r\n{}\r\n0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "a chunk size of 2^63 - 1", raw: chunked("7fffffffffffffff\r\n{}\r\n0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "a negative chunk size", raw: chunked("-2\r\n{}\r\n0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "a chunk size that begins with 0x", raw: chunked("0x2\r\n{}\r\n0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "a chunk size with an underscore", raw: chunked("0_2\r\n{}\r\n0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "an empty chunk size", raw: chunked("\r\n{}\r\n0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "a chunk that is shorter than it says", raw: chunked("4\r\n{}\r\n0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "a chunk that is longer than it says", raw: chunked("1\r\n{}\r\n0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "no last chunk", raw: chunked("2\r\n{}\r\n"), want: "400 incomplete-body"},
		{name: "a bare line feed behind a chunk size", raw: chunked("2\n{}\r\n0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "a bare line feed behind a chunk", raw: chunked("2\r\n{}\n0\r\n\r\n"), want: "400 incomplete-body"},
		{name: "a trailer that is a length", raw: chunked("2\r\n{}\r\n0\r\nContent-Length: 100\r\n\r\n" + next), want: "400 invalid-event, 404 not-found"},
		{name: "trailers of 64 kB", raw: chunked("2\r\n{}\r\n0\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 64) + "\r\n"), want: "400 incomplete-body"},
	}
}
