package hostile

import "strings"

// lines are first lines of requests.
func lines() []attack {
	line := func(first string) string { return first + "\r\n" + hostLine + "\r\n" }
	return []attack{
		{name: "bare line feeds", raw: "GET /nowhere HTTP/1.1\n" + hostLine + "\n", want: "404 not-found"},
		{name: "a line feed before the request", raw: "\r\n" + get("/nowhere", ""), want: "400"},
		{name: "no version", raw: "GET /tenants\r\n\r\n", want: "400"},
		{name: "HTTP/0.9", raw: line("GET /tenants HTTP/0.9"), want: "505"},
		{name: "HTTP/1.0 without a host", raw: "GET /nowhere HTTP/1.0\r\n\r\n", want: "404 not-found"},
		{name: "HTTP/1.0 that would like to stay", raw: "GET /nowhere HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /nowhere HTTP/1.0\r\n\r\n", want: "404 not-found, 404 not-found"},
		{name: "HTTP/1.2", raw: line("GET /nowhere HTTP/1.2"), want: "404 not-found"},
		{name: "HTTP/2.0", raw: line("GET /tenants HTTP/2.0"), want: "505"},
		{name: "HTTP/3", raw: line("GET /tenants HTTP/3"), want: "400"},
		{name: "HTTP/1.1 in small letters", raw: line("GET /tenants http/1.1"), want: "400"},
		{name: "the preface of HTTP/2", raw: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", want: "405 method-not-allowed"},
		{name: "an upgrade to h2c", raw: get("/nowhere", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), want: "404 not-found"},
		{name: "the start of TLS", raw: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 200) + "\r\n\r\n", want: "400"},
		{name: "two spaces", raw: line("GET  /tenants HTTP/1.1"), want: "400"},
		{name: "tabs", raw: line("GET\t/tenants\tHTTP/1.1"), want: "400"},
		{name: "a space in the path", raw: line("GET /tenants x HTTP/1.1"), want: "400"},
		{name: "a null byte in the path", raw: line("GET /\x00 HTTP/1.1"), want: "400"},
		{name: "an 8-bit byte in the path", raw: line("GET /\xff HTTP/1.1"), want: "404 not-found"},
		{name: "a method in small letters", raw: line("get /tenants HTTP/1.1"), want: "405 method-not-allowed"},
		{name: "a method that is no token", raw: line("GE(T /tenants HTTP/1.1"), want: "400"},
		{name: "an empty method", raw: line(" /tenants HTTP/1.1"), want: "400"},
		{name: "a method of 7 kB", raw: line(strings.Repeat("A", 7<<10) + " /tenants HTTP/1.1"), want: "405 method-not-allowed"},
		{name: "TRACE", raw: line("TRACE /tenants HTTP/1.1"), want: "405 method-not-allowed"},
		{name: "TRACK", raw: line("TRACK /events HTTP/1.1"), want: "405 method-not-allowed"},
		{name: "CONNECT to a host", raw: line("CONNECT example.com:443 HTTP/1.1"), want: "404 not-found"},
		{name: "CONNECT to a path", raw: line("CONNECT /events HTTP/1.1"), want: "405 method-not-allowed"},
		{name: "OPTIONS of all", raw: line("OPTIONS * HTTP/1.1"), want: "405 method-not-allowed"},
		{name: "OPTIONS of a route", raw: line("OPTIONS /events HTTP/1.1"), want: "405 method-not-allowed"},
		{name: "GET of all", raw: line("GET * HTTP/1.1"), want: "405 method-not-allowed"},
		{name: "DELETE of events", raw: line("DELETE /events HTTP/1.1"), want: "405 method-not-allowed"},
		{name: "HEAD of events", raw: line("HEAD /events HTTP/1.1"), want: "405", head: true},
		{name: "HEAD of what is not there", raw: line("HEAD /nowhere HTTP/1.1"), want: "404", head: true},
		{name: "another host's URL", raw: line("GET http://evil.example/nowhere HTTP/1.1"), want: "404 not-found"},
		{name: "a URL with a password", raw: line("GET http://user:" + mark + "@x/nowhere HTTP/1.1"), want: "404 not-found"},
		{name: "a URL of another kind", raw: line("GET file:///etc/passwd HTTP/1.1"), want: "404 not-found"},
		{name: "a URL with a bad port", raw: line("GET http://x:port/tenants HTTP/1.1"), want: "400"},
		{name: "no path", raw: line("GET nowhere HTTP/1.1"), want: "400"},
		{name: "a fragment", raw: line("GET /nowhere#x HTTP/1.1"), want: "404 not-found"},
		{name: "a bad escape", raw: line("GET /usage/%zz HTTP/1.1"), want: "400"},
		{name: "half an escape", raw: line("GET /usage/% HTTP/1.1"), want: "400"},
	}
}

// headers are header lines.
func headers() []attack {
	return []attack{
		{name: "no host", raw: "GET /tenants HTTP/1.1\r\n\r\n", want: "400"},
		{name: "an empty host", raw: "GET /nowhere HTTP/1.1\r\nHost:\r\n\r\n", want: "404 not-found"},
		{name: "two hosts", raw: get("/tenants", "Host: y\r\n"), want: "400"},
		{name: "a host with a space", raw: "GET /tenants HTTP/1.1\r\nHost: x y\r\n\r\n", want: "400"},
		{name: "a host that is a path", raw: "GET /tenants HTTP/1.1\r\nHost: x/y\r\n\r\n", want: "400"},
		{name: "a host that is markup", raw: "GET /tenants HTTP/1.1\r\nHost: <script>\r\n\r\n", want: "400"},
		{name: "a space before the colon", raw: get("/tenants", "X-A : b\r\n"), want: "400"},
		{name: "a space before the name", raw: "GET /tenants HTTP/1.1\r\n X-A: b\r\n" + hostLine + "\r\n", want: "400"},
		{name: "a folded line", raw: get("/nowhere", "X-A: b\r\n c\r\n"), want: "404 not-found"},
		{name: "no colon", raw: get("/tenants", "X-A\r\n"), want: "400"},
		{name: "no name", raw: get("/tenants", ": b\r\n"), want: "400"},
		{name: "a name with a space", raw: get("/tenants", "X A: b\r\n"), want: "400"},
		{name: "a name in UTF-8", raw: get("/tenants", "X-É: b\r\n"), want: "400"},
		{name: "a null byte in a value", raw: get("/tenants", "X-A: b\x00c\r\n"), want: "400"},
		{name: "a bare carriage return in a value", raw: get("/tenants", "X-A: b\rSet-Cookie: c\r\n"), want: "400"},
		{name: "a header of 8 kB", raw: get("/tenants", "X-A: "+strings.Repeat("x", 8<<10)+"\r\n"), want: "431"},
		{name: "a header of 24 kB", raw: get("/tenants", "X-A: "+strings.Repeat("x", 24<<10)+"\r\n"), want: "431"},
		{name: "5,000 headers", raw: get("/tenants", strings.Repeat("X: y\r\n", 5000)), want: "431"},
		{name: "a path of 24 kB", raw: get("/"+strings.Repeat("x", 24<<10), ""), want: "431"},
		{name: "a connection that names the length", raw: sized("Connection: close, Content-Length\r\n", "{}"), want: "400 invalid-event"},
		{name: "an expectation that nobody knows", raw: sized("Expect: a miracle\r\n", "{}"), want: "417"},
		{name: "an expected 100, and no body", raw: post("Expect: 100-continue\r\nContent-Length: 2\r\n", ""), want: "100, 400 incomplete-body", open: "401 unauthorized"},
		{name: "an expected 100 for too much", raw: post("Expect: 100-continue\r\nContent-Length: 99999999\r\n", ""), want: "413 too-large"},
		{name: "another method by header", raw: sized("X-HTTP-Method-Override: DELETE\r\n", "{}"), want: "400 invalid-event"},
		{name: "another path by header", raw: get("/nowhere", "X-Original-URL: /metrics\r\nX-Rewrite-URL: /metrics\r\n"), want: "404 not-found"},
		{name: "an address by header", raw: get("/nowhere", "X-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n"), want: "404 not-found"},
		{name: "a range of nothing", raw: get("/usage", "Range: bytes=999999999-\r\n"), want: "416", open: "416"},
	}
}
