package client

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// CheckURL says what is wrong with the URL of a server, and how it is written instead; nil if
// nothing is. It repeats no password.
func CheckURL(raw string) error {
	_, err := baseURL(raw)
	return err
}

// endpoint joins URL and path. A URL that cannot work is refused here, once, instead of
// being retried as if it were a network error.
func (c *Client) endpoint(path string) (string, error) {
	base, err := baseURL(c.URL)
	if err != nil {
		return "", fmt.Errorf("server URL %w", err)
	}
	return base + path, nil
}

// baseURL is the URL of a server without a slash at its end. It may have a path, where a proxy
// serves FlagMeter under one.
func baseURL(raw string) (string, error) {
	if raw == "" {
		return "", errors.New("must not be empty: write http://host:port")
	}
	if !strings.Contains(raw, "://") {
		u, err := url.Parse(schemeOf(raw) + "://" + raw)
		if err == nil && u.Host != "" && u.User == nil {
			return "", fmt.Errorf("must begin with http:// or https://: write %s", site(u))
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		// Without the URL, which may have a password.
		return "", fmt.Errorf("is none: %w", errors.Unwrap(err))
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", errors.New("must look like http://host:port")
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("must not have a ? or #: write %s", site(u))
	case site(u) != strings.TrimRight(u.Redacted(), "/"):
		return "", fmt.Errorf("must be that of the server, not of a page: write %s", site(u))
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// schemeOf guesses how one speaks to a server of which only the host is known.
func schemeOf(address string) string {
	host, _, _ := strings.Cut(address, "/")
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil || !strings.Contains(host, ".") {
		return "http"
	}
	return "https"
}

// pages are what the server answers at its top; what people copy from a browser or from the
// documentation begins with one of them.
var pages = []string{
	"/usage", "/events", "/tenants", "/tenants.csv", "/alerts", "/live", "/keys", "/session",
	"/openapi.yaml", "/healthz", "/readyz", "/metrics",
}

// site is u without a page of the server, query and fragment, as it may be shown.
func site(u *url.URL) string {
	short := *u
	short.RawQuery, short.Fragment = "", ""
	for _, page := range pages {
		before, behind, found := strings.Cut(short.Path, page)
		if found && (behind == "" || behind[0] == '/') {
			short.Path, short.RawPath = before, ""
		}
	}
	return strings.TrimRight(short.Redacted(), "/")
}
