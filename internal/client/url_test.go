package client

import (
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	for raw, want := range map[string]string{
		"http://127.0.0.1:3000": "", "http://127.0.0.1:3000/": "", "https://meter.example.com": "", "https://example.com/meter/": "",
		"https://example.com/usage-meter": "", "https://example.com/a%20b": "", "http://[::1]:3000": "", "https://bob:hunter2@meter.example.com": "",

		"http://127.0.0.1:3000/usage":                 "must be that of the server, not of a page: write http://127.0.0.1:3000",
		"http://127.0.0.1:3000/usage/":                "must be that of the server, not of a page: write http://127.0.0.1:3000",
		"https://meter.example.com/usage/acme-corp":   "write https://meter.example.com",
		"https://example.com/meter/events":            "write https://example.com/meter",
		"http://127.0.0.1:3000/usage?sort=name":       "must not have a ? or #: write http://127.0.0.1:3000",
		"http://127.0.0.1:3000/usage#token=abc":       "write http://127.0.0.1:3000",
		"https://bob:hunter2@meter.example.com/usage": "write https://bob:xxxxx@meter.example.com",
		"localhost:3000":                              "must begin with http:// or https://: write http://localhost:3000",
		"127.0.0.1:3000/usage":                        "write http://127.0.0.1:3000",
		"[::1]:3000":                                  "write http://[::1]:3000",
		"flagmeter":                                   "write http://flagmeter",
		"meter.example.com":                           "write https://meter.example.com",
		"meter.example.com:8443/meter/events":         "write https://meter.example.com:8443/meter",
		"ftp://127.0.0.1":                             "must look like http://host:port",
		"http://":                                     "must look like http://host:port",
		"":                                            "must not be empty",
		"http://bob:hunter2@[::1":                     "is none: ",
	} {
		err := CheckURL(raw)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", raw, err)
		case want != "" && (err == nil || !strings.Contains(err.Error()+"\n", want) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%q: got %v, want %q", raw, err, want)
		case want != "" && strings.Contains(want, "write") && !strings.HasSuffix(err.Error(), want):
			t.Errorf("%q: got %v, want %q at its end", raw, err, want)
		}
	}
}
