package httpd

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

// forwarding are headers that a proxy adds besides X-Forwarded-…: the request then comes from a
// client of the proxy.
var forwarding = []string{
	"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Original-Host",
	"X-Original-Forwarded-For", "X-Envoy-External-Address", "True-Client-Ip", "Cf-Connecting-Ip",
	"Cf-Ray", "Fastly-Client-Ip", "Fly-Client-Ip",
}

// NotLocal names the header by which a request may come from another machine although its
// connection does not, "" if there is none. A page in a browser here that rebinds its name sends
// that name as Host; a page of another origin is told by Origin, unless that is one of origins; a
// proxy by what it adds.
func NotLocal(r *http.Request, origins ...string) (header string) {
	if !localHost(r.Host) {
		return "Host"
	}
	for _, origin := range r.Header["Origin"] {
		u, err := url.Parse(origin)
		own := err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
		if !own && !slices.Contains(origins, origin) {
			return "Origin"
		}
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || slices.Contains(forwarding, name) {
			return name
		}
	}
	return ""
}

// localHost reports whether a Host header, with a port or without, names this machine.
func localHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return config.IsLoopback(strings.ToLower(host))
}
