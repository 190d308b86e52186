package config

import (
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"aead.dev/minisign"
	"github.com/robfig/cron/v3"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// MinJWTSecret is the least length of JWT_SECRET in bytes: the length of an HS256 hash.
const MinJWTSecret = 32

// allows reports whether the value of a variable that is set is valid. The parser has already
// refused values that the field's type cannot hold.
func (c Config) allows(name string) bool {
	switch name {
	case "DATABASE_URL":
		return isURL(c.DatabaseURL, "postgres", "postgresql")
	case "VALKEY_URL":
		one := Secret(otherHosts.ReplaceAllString(string(c.ValkeyURL), "$1"))
		return isURL(one, "redis", "rediss", "valkey", "valkeys")
	case "LOG_LEVEL": // slog would also take "info+2"
		levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
		return slices.Contains(levels, c.LogLevel)
	case "LISTEN_ADDR":
		return isAddress(c.ListenAddr)
	case "DRAIN_TIME":
		return c.DrainTime >= 0 && c.DrainTime <= 10*time.Minute
	case "REUSE_PORT":
		return !c.ReusePort || runtime.GOOS == "linux"
	case "METRICS_ADDR":
		return isAddress(c.MetricsAddr)
	case "ADMIN_ADDR":
		host, _, _ := net.SplitHostPort(c.AdminAddr)
		return isAddress(c.AdminAddr) && IsLoopback(host)
	case "METRICS_TOP_TENANTS":
		return c.TopTenants >= 0 && c.TopTenants <= 50
	case "AUTH":
		return c.Auth == "off" || c.Auth == "required"
	case "API_KEY":
		return isKey.MatchString(string(c.APIKey))
	case "BACKUP_SIGN_KEY":
		return new(minisign.PrivateKey).UnmarshalText([]byte(c.BackupSignKey)) == nil
	case "BACKUP_VERIFY_KEY":
		return new(minisign.PublicKey).UnmarshalText([]byte(c.BackupVerifyKey)) == nil
	case "JWT_SECRET":
		return len(c.JWTSecret) >= MinJWTSecret
	case "JWT_JWKS":
		return isKeySet(c.JWTKeys)
	case "JWT_JWKS_MAX_AGE":
		return c.JWKSMaxAge == 0 || c.JWKSMaxAge >= Duration(10*time.Minute)
	case "JWT_MAX_LIFETIME":
		return c.JWTMaxLifetime == 0 || c.JWTMaxLifetime >= Duration(time.Minute)
	case "SHARDS":
		return c.Shards >= 1 && c.Shards <= ledger.MaxShards
	case "DEDUPE_WINDOW":
		kept := time.Duration(c.EventsRetention)
		return c.DedupeWindow > 0 && (kept == 0 || c.DedupeWindow <= kept-meter.MaxAge)
	case "EVENTS_RETENTION":
		return c.EventsRetention == 0 || c.EventsRetention >= Duration(meter.LeastRetention)
	case "ROLLUPS_RETENTION":
		return c.RollupsRetention == 0 || c.RollupsRetention >= Duration(meter.LeastRetention)
	case "DEFAULT_QUOTA":
		return c.DefaultQuota >= 0
	case "DEFAULT_THRESHOLDS":
		_, err := meter.ParseThresholds(c.DefaultThresholds)
		return err == nil
	case "CURRENCY":
		return meter.CheckCurrency(c.Currency) == ""
	case "RATE_LIMIT":
		return c.RateLimit >= 0 && c.RateLimit <= meter.MaxRate
	case "RATE_BURST":
		return c.RateBurst >= 0 && c.RateBurst <= meter.MaxBurst
	case "RATE_GUARD":
		return c.RateGuard >= 0 && c.RateGuard <= meter.MaxRate
	case "GROUP_LINGER":
		return c.GroupLinger >= 0 && c.GroupLinger <= 100*time.Millisecond
	case "MAX_IN_FLIGHT":
		return c.MaxInFlight >= 0 && c.MaxInFlight <= 8192
	case "MAX_FEATURES":
		return c.MaxFeatures >= 0 && c.MaxFeatures <= 1_000_000
	case "REQUEST_MEMORY":
		return c.RequestMemory == 0 || c.RequestMemory >= 40<<20
	case "MAX_CONNECTIONS":
		return c.MaxConnections == 0 || c.MaxConnections >= 64 && c.MaxConnections <= 1_000_000
	case "MAX_KEYS":
		return c.MaxKeys >= 0 && c.MaxKeys <= 1_000_000
	case "MAX_TENANT_KEYS":
		return c.MaxTenantKeys >= 0 && c.MaxTenantKeys <= 1_000_000
	case "TENANT_KEYS_PER_HOUR":
		return c.TenantKeysPerHour >= 0 && c.TenantKeysPerHour <= 1_000_000
	case "PUBLIC_URL":
		return isOrigin(c.PublicURL)
	case "EMBED_ORIGINS":
		return !slices.ContainsFunc(c.FrameAncestors(), func(s string) bool {
			return !isPlainOrigin.MatchString(s)
		})
	case "CORS_ORIGINS":
		return !slices.ContainsFunc(c.Origins(), func(s string) bool {
			return !isBrowsersOrigin(s)
		})
	case "HSTS_MAX_AGE":
		return c.HSTSMaxAge == 0 || c.HSTSMaxAge >= time.Second
	case "VALKEY_CERT_FILE", "VALKEY_KEY_FILE":
		return c.ValkeyCertFile != "" && c.ValkeyKeyFile != ""
	case "MIGRATE_DATABASE_URL":
		return isURL(c.MigrateDatabaseURL, "postgres", "postgresql")
	case "BACKUP_S3_ENDPOINT":
		return isOrigin(c.BackupS3Endpoint)
	case "BACKUP_S3_ACCESS_KEY", "BACKUP_S3_SECRET_KEY":
		return c.BackupS3AccessKey != "" && c.BackupS3SecretKey != ""
	case "BACKUP_KEEP":
		_, _, err := ParseKeep(c.BackupKeep)
		return err == nil
	case "BACKUP_SCHEDULE":
		_, err := cron.ParseStandard(c.BackupSchedule)
		return err == nil
	case "SLACK_WEBHOOK_URL":
		plain := c.WebhookAllowPrivate && isURL(c.SlackWebhookURL, "http")
		return plain || isURL(c.SlackWebhookURL, "https")
	}
	return true
}

// otherHosts matches all hosts of a Valkey Cluster except the first: net/url reads one host only.
var otherHosts = regexp.MustCompile(`^([^/]*//(?:[^/?#]*@)?[^/?#@,]*),[^/?#]*`)

// isURL reports whether s is an absolute URL of one of the schemes and names a host. The host may
// be a query parameter, as in a Postgres URL that names the directory of a Unix socket.
func isURL(s Secret, schemes ...string) bool {
	u, err := url.Parse(string(s))
	return err == nil && slices.Contains(schemes, u.Scheme) &&
		(u.Hostname() != "" || u.Query().Get("host") != "")
}

// isOrigin reports whether s is the http or https URL of a server, without path, query or user.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" &&
		u.User == nil && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
}

// isBrowsersOrigin reports whether s is an origin exactly as a browser sends it: in lower case,
// without a path, without a default port, and without a pattern.
func isBrowsersOrigin(s string) bool {
	u, err := url.Parse(s)
	if err != nil || !isOrigin(s) || s != strings.ToLower(u.Scheme+"://"+u.Host) ||
		strings.ContainsAny(s, "*?") {
		return false
	}
	defaults := map[string]string{"http": "80", "https": "443"}
	port := u.Port()
	return !strings.HasSuffix(s, ":") && (port == "" || port != defaults[u.Scheme])
}

// isKey matches a credential that fits into a header: an API key, or a token.
var isKey = regexp.MustCompile(
	`^(fm_[a-z]+_[0-9A-Za-z]{49}|[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+)$`)

// isPlainOrigin matches an origin that can go into a Content-Security-Policy unchanged.
var isPlainOrigin = regexp.MustCompile(`^https?://(\*\.)?[0-9A-Za-z.-]+(:[0-9]+)?$`)

// isKeySet reports whether s is a file, or a URL whose content cannot be changed in transit.
func isKeySet(s string) bool {
	scheme, _, remote := strings.Cut(s, "://")
	if !remote {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && u.Hostname() != "" &&
		(scheme == "https" || scheme == "http" && IsLoopback(u.Hostname()))
}

// IsLoopback reports whether a host, without a port, is a name or address that always means this
// machine.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		ip != nil && ip.IsLoopback()
}

// OnlyLocal reports whether only this machine can reach an API that listens on host, as far as the
// settings show: a PUBLIC_URL elsewhere means that a proxy is in front of the API.
func (c Config) OnlyLocal(host string) bool {
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || !IsLoopback(u.Hostname()) {
			return false
		}
	}
	return IsLoopback(host)
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
