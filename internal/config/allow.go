package config

import (
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// allows reports whether the value of a variable that is set is one that works. What the
// field's type cannot hold was refused before.
func (c Config) allows(name string) bool {
	switch name {
	case "DATABASE_URL":
		return isURL(c.DatabaseURL, "postgres", "postgresql")
	case "VALKEY_URL":
		one := Secret(otherHosts.ReplaceAllString(string(c.ValkeyURL), "$1"))
		return isURL(one, "redis", "rediss", "valkey", "valkeys")
	case "LOG_LEVEL": // slog would also take "info+2"
		return slices.Contains([]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}, c.LogLevel)
	case "LISTEN_ADDR":
		return isAddress(c.ListenAddr)
	case "METRICS_ADDR":
		return isAddress(c.MetricsAddr)
	case "ADMIN_ADDR":
		return isAddress(c.AdminAddr)
	case "METRICS_TOP_TENANTS":
		return c.TopTenants >= 0 && c.TopTenants <= 50
	case "SHARDS":
		return c.Shards >= 1 && c.Shards <= 1024
	case "DEDUPE_WINDOW":
		return c.DedupeWindow > 0
	case "DEFAULT_QUOTA":
		return c.DefaultQuota >= 0
	case "DEFAULT_THRESHOLDS":
		_, err := meter.ParseThresholds(c.DefaultThresholds)
		return err == nil
	case "PUBLIC_URL":
		return isOrigin(c.PublicURL)
	case "SLACK_WEBHOOK_URL":
		return isURL(c.SlackWebhookURL, "https") || c.WebhookAllowPrivate && isURL(c.SlackWebhookURL, "http")
	}
	return true
}

// otherHosts are those behind the first of a Valkey Cluster: net/url reads one host only.
var otherHosts = regexp.MustCompile(`^([^/]*//(?:[^/?#]*@)?[^/?#@,]*),[^/?#]*`)

// isURL reports whether s is an absolute URL of one of the schemes that names a host, if
// only as the parameter by which Postgres takes the directory of a Unix socket.
func isURL(s Secret, schemes ...string) bool {
	u, err := url.Parse(string(s))
	return err == nil && slices.Contains(schemes, u.Scheme) && (u.Hostname() != "" || u.Query().Get("host") != "")
}

// isOrigin reports whether s is the http or https URL of a server as a whole.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" &&
		u.User == nil && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
}

// isAddress reports whether s is host:port with a numeric port; the host may be empty.
func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
