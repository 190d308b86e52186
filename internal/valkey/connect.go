package valkey

import (
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// errURL says nothing about the URL it refuses: that holds the password.
var errURL = errors.New("VALKEY_URL must look like redis://user:password@host:6379/0," +
	" with commas between several hosts")

// Connect returns a client for a URL like redis://:password@host:6379/0 (also
// rediss:// with TLS, and valkey://). Several hosts, separated by commas, are the seeds of a
// Valkey Cluster. It does not dial. Errors never repeat the URL.
//
// The client never repeats a command by itself: only the caller knows whether
// that would count an event twice.
func Connect(rawURL string) (redis.UniversalClient, error) { return ConnectTLS(rawURL, TLS{}) }

// ConnectTLS is Connect with the given certificates.
func ConnectTLS(rawURL string, files TLS) (redis.UniversalClient, error) {
	opt, addrs, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if err := files.apply(opt.TLSConfig); err != nil {
		return nil, err
	}
	universal := &redis.UniversalOptions{
		Addrs: addrs, DB: opt.DB, Username: opt.Username, Password: opt.Password,
		TLSConfig:                opt.TLSConfig,
		IsClusterMode:            len(addrs) > 1,
		MaxRetries:               -1,
		DialerRetries:            1,
		DialTimeout:              2 * time.Second,
		ReadTimeout:              3 * time.Second,
		WriteTimeout:             3 * time.Second,
		ContextTimeoutEnabled:    true,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	return redis.NewUniversalClient(universal), nil
}

// parseURL reads a URL with any number of hosts, of which net/url takes only one: it
// reads one URL for each host. opt is what they have in common.
func parseURL(rawURL string) (opt *redis.Options, addrs []string, err error) {
	scheme, rest, _ := strings.Cut(rawURL, "://")
	switch scheme {
	case "valkey":
		scheme = "redis"
	case "valkeys":
		scheme = "rediss"
	case "redis", "rediss":
	default:
		return nil, nil, errURL
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	at := strings.LastIndexByte(authority, '@') + 1
	for host := range strings.SplitSeq(authority[at:], ",") {
		opt, err = redis.ParseURL(scheme + "://" + authority[:at] + host + path)
		if err != nil || host == "" {
			return nil, nil, errURL
		}
		addrs = append(addrs, opt.Addr)
	}
	return opt, addrs, nil
}
