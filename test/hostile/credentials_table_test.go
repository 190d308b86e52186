package hostile

import "strings"

// upgrades are requests for the WebSocket of GET /live.
func upgrades() []attack {
	open := func(path, headers string) string {
		return get(path, "Connection: Upgrade\r\nUpgrade: websocket\r\n"+headers)
	}
	const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	const version = "Sec-WebSocket-Version: 13\r\n"
	return []attack{
		{name: "no upgrade", raw: get("/live", ""), want: "426 upgrade-required"},
		{name: "an upgrade to something else",
			raw: get("/live", "Connection: Upgrade\r\nUpgrade: h2c\r\n"), want: "426 upgrade-required"},
		{name: "no connection header", raw: get("/live", "Upgrade: websocket\r\n"+version+key),
			want: "426", open: "401 unauthorized"},
		{name: "no key", raw: open("/live", version), want: "400", open: "401 unauthorized"},
		{name: "a key that is none", raw: open("/live", version+"Sec-WebSocket-Key: x\r\n"), want: "400",
			open: "401 unauthorized"},
		{name: "two keys", raw: open("/live", version+key+key), want: "400", open: "401 unauthorized"},
		{name: "another version", raw: open("/live", "Sec-WebSocket-Version: 8\r\n"+key), want: "400",
			open: "401 unauthorized"},
		{name: "a page of another origin",
			raw: open("/live", version+key+"Origin: https://evil.example\r\n"), want: "403 foreign-origin"},
		{name: "a page without an origin of its own", raw: open("/live", version+key+"Origin: null\r\n"),
			want: "403 foreign-origin"},
		{name: "an origin that begins like ours",
			raw: open("/live", version+key+"Origin: http://x.evil.example\r\n"), want: "403 foreign-origin"},
		{name: "an origin that is no URL", raw: open("/live", version+key+"Origin: http://[\r\n"),
			want: "403 foreign-origin"},
		{name: "a tenant that does not exist", raw: open("/live?tenant=nobody", version+key),
			want: "404 unknown-tenant"},
		{name: "a bad query", raw: open("/live?limit=x", version+key), want: "400 invalid-query"},
		{name: "by POST", raw: "POST /live HTTP/1.1\r\n" + hostLine +
			"Connection: Upgrade\r\nUpgrade: websocket\r\n" + version + key + "\r\n",
			want: "405 method-not-allowed"},
		{name: "of another route", raw: open("/nowhere", version+key), want: "404 not-found"},
	}
}

// credentials are wrong in every way. Each asks for what is not there or not allowed, so that
// the answers are known whoever asks: with AUTH=off nobody looks at the credential; with the
// key besides, two credentials are none.
func credentials() []attack {
	with := func(headers string) string { return get("/nowhere", headers) }
	guarded := func(headers string) string {
		return strings.Replace(with(headers), "/nowhere", "/usage/nobody", 1)
	}
	const fmKey = "fm_admin_" + "0123456789012345678901234567890123456789012345678"
	const none = `eyJhbGciOiJub25lIn0.eyJzY29wZSI6ImFkbWluIn0.`
	var all []attack
	for name, header := range map[string]string{
		"a key that does not exist":        "Bearer " + fmKey,
		"a key of 7 kB":                    "Bearer fm_admin_" + strings.Repeat("a", 7<<10),
		"a token without a signature":      "Bearer " + none,
		"a token of dots":                  "Bearer " + strings.Repeat(".", 1000),
		"Basic":                            "Basic YWRtaW46" + mark,
		"another scheme":                   "Digest username=" + mark,
		"no scheme":                        fmKey,
		"nothing":                          "",
		"only the scheme":                  "Bearer",
		"two keys in one header":           "Bearer " + fmKey + ", Bearer " + fmKey,
		"an 8-bit key":                     "Bearer fm_admin_\xff\xfe" + mark,
		"SQL":                              "Bearer fm_admin_' OR '1'='1" + mark,
		"a key with a line of its own":     "Bearer " + fmKey + "\r\n X: y",
		"a token with a header of its own": "Bearer eyJraWQiOiIuLi8uLi9ldGMvcGFzc3dkIn0.e30." + mark,
	} {
		all = append(all, attack{name: name, raw: guarded("Authorization: " + header + "\r\n"),
			want: "404 unknown-tenant", keyed: "401 unauthorized"},
			attack{name: name + ", for nothing", raw: with("Authorization: " + header + "\r\n"),
				want: "404 not-found"})
	}
	for name, header := range map[string]string{
		"a cookie of nonsense": "flagmeter=" + mark,
		"a cookie of 7 kB":     "flagmeter=" + strings.Repeat("a", 7<<10),
		"two cookies":          "flagmeter=a; flagmeter=b",
		"a bad cookie":         "flagmeter=\"; =; ;;" + mark,
	} {
		all = append(all, attack{name: name, raw: guarded("Cookie: " + header + "\r\n"),
			want: "404 unknown-tenant"})
	}
	return all
}
