package hostile

import "strings"

// paths are paths made to lead elsewhere.
func paths() []attack {
	const notFound, unknown, plain = "404 not-found", "404 unknown-tenant", "404"
	return []attack{
		// to /etc/passwd, which is no route,
		{name: "up by dots", raw: get("/assets/../../../etc/passwd", ""), want: "307", open: "307"},
		{name: "up by escaped dots", raw: get("/assets/%2e%2e/%2e%2e/etc/passwd", ""), want: plain,
			open: plain},
		{name: "up by escaped slashes", raw: get("/assets/..%2f..%2fetc%2fpasswd/x", ""), want: plain,
			open: plain},
		{name: "up by backslashes", raw: get(`/assets/..\..\etc\passwd/x`, ""), want: plain, open: plain},
		{name: "up, escaped twice", raw: get("/assets/%252e%252e%252fetc/x", ""), want: plain,
			open: plain},
		{name: "the source of the page", raw: get("/assets/x/index.html", ""), want: plain, open: plain},
		{name: "two slashes", raw: get("//tenants", ""), want: notFound},
		{name: "a slash behind a route", raw: get("/session/", ""), want: "200"},
		{name: "two slashes behind a route", raw: get("/tenants//", ""), want: notFound},
		{name: "dots behind a route", raw: get("/alerts/..", ""), want: notFound},
		{name: "a route in capitals", raw: get("/TENANTS", ""), want: notFound},
		{name: "an escaped letter", raw: get("/%74enants", ""), want: notFound},
		{name: "a semicolon", raw: get("/tenants;x=y", ""), want: notFound},
		{name: "profiles", raw: get("/debug/pprof/heap", ""), want: notFound},
		{name: "variables", raw: get("/debug/vars", ""), want: notFound},
		{name: "the settings", raw: get("/.env", ""), want: notFound},
		{name: "the repository", raw: get("/.git/config", ""), want: notFound},
		{name: "markup", raw: get("/<script>alert(1)</script>", ""), want: notFound},
		{name: "a header in a path", raw: get("/x%0d%0aSet-Cookie:%20a=b", ""), want: notFound},
		{name: "no tenant", raw: get("/usage/", ""), want: notFound},
		{name: "a tenant that is dots", raw: get("/usage/..", ""), want: unknown},
		{name: "a tenant that is SQL", raw: get("/usage/acme'%20OR%20'1'='1", ""), want: unknown},
		{name: "a tenant with a null byte", raw: get("/usage/acme%00", ""), want: unknown},
		{name: "a tenant with a line feed", raw: get("/usage/acme%0a", ""), want: unknown},
		{name: "a tenant in bad UTF-8", raw: get("/usage/%ff%fe", ""), want: unknown},
		{name: "a tenant in overlong UTF-8", raw: get("/usage/%c0%af", ""), want: unknown},
		{name: "a tenant of 7 kB", raw: get("/usage/"+strings.Repeat("a", 7_000), ""), want: unknown},
		{name: "a tenant that is markup", raw: get("/usage/%3Cimg%20src=x%20onerror=alert(1)%3E", ""),
			want: unknown},
		{name: "a tenant that is a pattern", raw: get("/usage/*", ""), want: unknown},
		{name: "a tenant that is escaped twice", raw: get("/usage/a%252Fb", ""), want: unknown},
		{name: "a tenant's slash that is not escaped", raw: get("/usage/a/b", ""), want: notFound},
		{name: "the series of nobody", raw: get("/usage/nobody/series", ""), want: unknown},
		{name: "the events of nobody", raw: get("/usage/nobody/events.csv", ""), want: unknown},
	}
}

// queries are what stands behind the question mark.
func queries() []attack {
	const invalid = "400 invalid-query"
	list := func(query string) string { return get("/tenants?"+query, "") }
	series := func(query string) string { return get("/usage/acme/series?"+query, "") }
	return []attack{
		{name: "an unknown parameter", raw: list("admin=true"), want: invalid},
		{name: "a parameter twice", raw: list("limit=1&limit=1000000"), want: invalid},
		{name: "a parameter in capitals", raw: list("LIMIT=1"), want: invalid},
		{name: "a bad escape", raw: list("q=%zz"), want: invalid},
		{name: "a semicolon", raw: list("q=a;limit=1"), want: invalid},
		{name: "a limit of 2^63", raw: list("limit=9223372036854775808"), want: invalid},
		{name: "a negative limit", raw: list("limit=-1"), want: invalid},
		{name: "a limit in other digits", raw: list("limit=%D9%A1"), want: invalid},
		{name: "an order that is SQL", raw: list("sort=name;DROP%20TABLE%20tenants"), want: invalid},
		{name: "a search of 6 kB", raw: list("q=" + strings.Repeat("a", 6_000)), want: invalid},
		{name: "a search in bad UTF-8", raw: list("q=%ff"), want: invalid},
		{name: "a cursor of somebody else", raw: list("cursor=AAAA"), want: invalid},
		{name: "a cursor of 6 kB", raw: list("cursor=" + strings.Repeat("A", 6_000)), want: invalid},
		{name: "a secret in a query", raw: list("token=" + mark), want: invalid},
		{name: "a step that does not exist", raw: series("step=second"), want: invalid},
		{name: "every minute of a hundred years",
			raw: series("step=minute&from=1970-01-01&to=2070-01-01"), want: invalid},
		{name: "a year of five digits", raw: series("from=10000-01-01"), want: invalid},
		{name: "the end before the beginning", raw: series("from=2026-02-02&to=2026-01-01"),
			want: invalid},
		{name: "all events since ever", raw: get("/usage/acme/events.csv?from=1970-01-01", ""),
			want: invalid},
		{name: "a state that does not exist", raw: get("/alerts?state=all'--", ""), want: invalid},
		{name: "parameters where there are none", raw: get("/usage/acme?x=y", ""), want: invalid},
	}
}
