package valkey

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestConnectReadsURLs(t *testing.T) {
	for _, c := range []struct {
		url            string
		addrs          []string
		user, password string
		db             int
		tls, cluster   bool
	}{
		{url: "redis://127.0.0.1:6380/0", addrs: []string{"127.0.0.1:6380"}},
		{url: "redis://valkey", addrs: []string{"valkey:6379"}},
		{url: "redis://[::1]:6380/2", addrs: []string{"[::1]:6380"}, db: 2},
		{url: "redis://[::1]", addrs: []string{"[::1]:6379"}},
		{url: "valkey://:s3cret@valkey:6379/5", addrs: []string{"valkey:6379"}, password: "s3cret", db: 5},
		{url: "redis://fm:s%40cret@valkey:6379", addrs: []string{"valkey:6379"}, user: "fm", password: "s@cret"},
		{url: "redis://:valkey:%2F%2F@valkey", addrs: []string{"valkey:6379"}, password: "valkey://"},
		{url: "rediss://valkey:6379", addrs: []string{"valkey:6379"}, tls: true},
		{url: "valkeys://valkey:6379", addrs: []string{"valkey:6379"}, tls: true},
		{url: "redis://:s3cret@a:7001,b:7002,c/0", addrs: []string{"a:7001", "b:7002", "c:6379"}, password: "s3cret", cluster: true},
	} {
		t.Run(c.url, func(t *testing.T) {
			client, err := Connect(c.url)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			var addrs []string
			var user, password string
			var db, retries int
			var tls, cluster bool
			switch client := client.(type) {
			case *redis.Client:
				o := client.Options()
				addrs, user, password, db, retries, tls = []string{o.Addr}, o.Username, o.Password, o.DB, o.MaxRetries, o.TLSConfig != nil
			case *redis.ClusterClient:
				o := client.Options()
				addrs, user, password, retries, tls, cluster = o.Addrs, o.Username, o.Password, o.MaxRetries, o.TLSConfig != nil, true
			}
			if !slices.Equal(addrs, c.addrs) {
				t.Errorf("addresses %q, want %q", addrs, c.addrs)
			}
			if user != c.user || password != c.password || db != c.db || tls != c.tls || cluster != c.cluster {
				t.Errorf("user %q, password %q, db %d, tls %t, cluster %t; want %+v", user, password, db, tls, cluster, c)
			}
			if retries > 0 {
				t.Errorf("the client retries %d times by itself", retries)
			}
		})
	}
}

func TestConnectHidesThePasswordOfABadURL(t *testing.T) {
	for _, url := range []string{
		"",
		"s3cret",
		"redis://",
		"http://:s3cret@valkey:6379",
		"unix://:s3cret@/run/valkey.sock",
		"redis://:s3cret/x@valkey:6379",
		"redis://:s3cret%zz@valkey:6379",
		"redis://:s3cret@x@valkey:6379:s3cret",
		"redis://:s3cret@valkey:port",
		"redis://:s3cret@valkey:6379/s3cret",
		"redis://:s3cret@valkey:6379/0?password=s3cret",
		"redis://:s3cret@valkey:6379/\x7f",
		"redis://:s3cret@a:1,b:1,/0",
	} {
		client, err := Connect(url)
		if err == nil {
			client.Close()
			t.Errorf("%q is accepted", url)
			continue
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: the error shows the password: %v", url, err)
		}
		if !strings.Contains(err.Error(), "VALKEY_URL") {
			t.Errorf("%q: the error does not name the setting: %v", url, err)
		}
	}
}
