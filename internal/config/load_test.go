package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// environment is a getenv over a map.
func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestDefaults(t *testing.T) {
	got, err := Load(environment(nil))
	want := Config{LogLevel: slog.LevelInfo, Observe: true, ListenAddr: ":3000", DrainTime: 10 * time.Second, Shards: 1, GroupLinger: 2 * time.Millisecond, DedupeWindow: 3 * time.Hour,
		EventsRetention: Duration(90 * day), RollupsRetention: Duration(400 * day), DefaultThresholds: "80", Currency: "USD",
		RateGuard: 50_000, MaxKeys: 20_000, MaxTenantKeys: 100, TenantKeysPerHour: 100, JWKSMaxAge: Duration(6 * time.Hour), JWTMaxLifetime: Duration(day), MaxInFlight: 512, MaxFeatures: 1000, BackupKeep: "14d", JWTIssuer: "flagmeter", JWTAudience: "flagmeter"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestEveryVariableIsRead(t *testing.T) {
	got, err := Load(environment(map[string]string{
		"DATABASE_URL": "postgres://u:p@db/x", "VALKEY_URL": "redis://:p,w@[::1]:1,[::1]:2,b:3/3", "LOG_LEVEL": "debug", "OBSERVE": "false", "METRICS_TOP_TENANTS": "50",
		"LISTEN_ADDR": "127.0.0.1:0", "DRAIN_TIME": "0", "REUSE_PORT": "true", "MIGRATE_ON_START": "true", "METRICS_ADDR": ":1", "ADMIN_ADDR": "[::1]:0", "SHARDS": "1024", "DEDUPE_WINDOW": "90s", "EVENTS_RETENTION": "40d", "ROLLUPS_RETENTION": "0",
		"AUTO_CREATE_TENANTS": "true", "DEFAULT_QUOTA": "9223372036854775807",
		"DEFAULT_THRESHOLDS": "100,80", "CURRENCY": "EUR", "RATE_LIMIT": "1000000", "RATE_BURST": "1000000000", "RATE_GUARD": "0", "MAX_IN_FLIGHT": "8192", "GROUP_LINGER": "100ms", "MAX_FEATURES": "0", "MAX_KEYS": "3", "MAX_TENANT_KEYS": "2", "TENANT_KEYS_PER_HOUR": "1", "PUBLIC_URL": "https://meter.example.com",
		"CORS_ORIGINS": "https://app.example.com,http://[::1]:8080", "HSTS_MAX_AGE": "8760h",
		"VALKEY_CA_FILE": "/ca.pem", "VALKEY_CERT_FILE": "/cert.pem", "VALKEY_KEY_FILE": "/key.pem", "MIGRATE_DATABASE_URL": "postgres://o:p@db/x",
		"SLACK_WEBHOOK_URL": "http://127.0.0.1/hook", "WEBHOOK_ALLOW_PRIVATE": "true",
		"AUTH": "required", "API_KEY": "a.b.c", "JWT_SECRET": "0123456789abcdef0123456789abcdef", "JWT_JWKS": "http://[::1]:1/keys", "JWT_JWKS_MAX_AGE": "10m", "JWT_MAX_LIFETIME": "0",
		"BACKUP_TARGET": "/backups", "BACKUP_KEEP": "7", "BACKUP_SCHEDULE": "@hourly", "BACKUP_S3_ENDPOINT": "http://minio:9000",
		"BACKUP_S3_REGION": "eu", "BACKUP_S3_ACCESS_KEY": "me", "BACKUP_S3_SECRET_KEY": "geheim",
		"JWT_ISSUER": "us", "JWT_AUDIENCE": "you", "EMBED_ORIGINS": "https://a.example.com, https://*.example.org:8443",
	}), "DATABASE_URL", "VALKEY_URL")
	want := Config{
		DatabaseURL: "postgres://u:p@db/x", ValkeyURL: "redis://:p,w@[::1]:1,[::1]:2,b:3/3", LogLevel: slog.LevelDebug, TopTenants: 50,
		ListenAddr: "127.0.0.1:0", ReusePort: true, MigrateOnStart: true, MetricsAddr: ":1", AdminAddr: "[::1]:0", Shards: 1024, DedupeWindow: 90 * time.Second, EventsRetention: Duration(40 * day),
		AutoCreateTenants: true, DefaultQuota: 1<<63 - 1, DefaultThresholds: "100,80", Currency: "EUR", RateLimit: 1_000_000, RateBurst: 1_000_000_000, MaxInFlight: 8192, GroupLinger: 100 * time.Millisecond,
		MaxKeys: 3, MaxTenantKeys: 2, TenantKeysPerHour: 1,
		PublicURL: "https://meter.example.com", CORSOrigins: "https://app.example.com,http://[::1]:8080", HSTSMaxAge: 8760 * time.Hour,
		ValkeyCAFile: "/ca.pem", ValkeyCertFile: "/cert.pem", ValkeyKeyFile: "/key.pem", MigrateDatabaseURL: "postgres://o:p@db/x",
		SlackWebhookURL: "http://127.0.0.1/hook", WebhookAllowPrivate: true,
		BackupTarget: "/backups", BackupKeep: "7", BackupSchedule: "@hourly", BackupS3Endpoint: "http://minio:9000",
		BackupS3Region: "eu", BackupS3AccessKey: "me", BackupS3SecretKey: "geheim",
		Auth: "required", APIKey: "a.b.c", JWTSecret: "0123456789abcdef0123456789abcdef", JWTKeys: "http://[::1]:1/keys", JWKSMaxAge: Duration(10 * time.Minute), JWTIssuer: "us", JWTAudience: "you", EmbedOrigins: "https://a.example.com, https://*.example.org:8443",
	}
	if err != nil || got != want {
		t.Errorf("got %#v, %v", got, err)
	}
}

func TestMistakes(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"DATABASE_URL", "mysql://u:p@db/x", "DATABASE_URL must be a URL like postgres://user:password@host:5432/database"},
		{"DATABASE_URL", "postgres://u:%zz@db/x", "DATABASE_URL must be a URL like postgres://user:password@host:5432/database"},
		{"DATABASE_URL", "postgres:///x", "DATABASE_URL must be a URL like postgres://user:password@host:5432/database"},
		{"VALKEY_URL", "127.0.0.1:6379", "VALKEY_URL must be a URL like redis://:password@host:6379/0"},
		{"VALKEY_URL", "redis://:p@,b:2/0", "VALKEY_URL must be a URL like redis://:password@host:6379/0"},
		{"LOG_LEVEL", "loud", `LOG_LEVEL must be debug, info, warn or error, not "loud"`},
		{"LOG_LEVEL", "info+2", `LOG_LEVEL must be debug, info, warn or error, not "info+2"`},
		{"LISTEN_ADDR", "3000", `LISTEN_ADDR must be an address like :3000 or 127.0.0.1:3000, not "3000"`},
		{"LISTEN_ADDR", ":65536", `LISTEN_ADDR must be an address like :3000 or 127.0.0.1:3000, not ":65536"`},
		{"DRAIN_TIME", "-1s", `DRAIN_TIME must be 0 or a duration up to 10m like 10s, not "-1s"`},
		{"GROUP_LINGER", "101ms", `GROUP_LINGER must be 0 or a duration up to 100ms like 2ms, not "101ms"`},
		{"GROUP_LINGER", "-1ms", `GROUP_LINGER must be 0 or a duration up to 100ms like 2ms, not "-1ms"`},
		{"DRAIN_TIME", "11m", `DRAIN_TIME must be 0 or a duration up to 10m like 10s, not "11m"`},
		{"DRAIN_TIME", "5", `DRAIN_TIME must be 0 or a duration up to 10m like 10s, not "5"`},
		{"REUSE_PORT", "both", `REUSE_PORT must be true or false (it takes Linux), not "both"`},
		{"METRICS_ADDR", "localhost", `METRICS_ADDR must be an address like :9101 or 127.0.0.1:9101, not "localhost"`},
		{"OBSERVE", "metrics", `OBSERVE must be true or false, not "metrics"`},
		{"METRICS_TOP_TENANTS", "51", `METRICS_TOP_TENANTS must be an integer from 0 to 50, not "51"`},
		{"METRICS_TOP_TENANTS", "-1", `METRICS_TOP_TENANTS must be an integer from 0 to 50, not "-1"`},
		{"ADMIN_ADDR", ":6060", `ADMIN_ADDR must be an address on loopback like 127.0.0.1:6060, not ":6060"`},
		{"ADMIN_ADDR", "10.0.0.1:6060", `ADMIN_ADDR must be an address on loopback like 127.0.0.1:6060, not "10.0.0.1:6060"`},
		{"SHARDS", "0", `SHARDS must be an integer from 1 to 1024, not "0"`},
		{"SHARDS", "1025", `SHARDS must be an integer from 1 to 1024, not "1025"`},
		{"SHARDS", "two", `SHARDS must be an integer from 1 to 1024, not "two"`},
		{"RATE_LIMIT", "-1", `RATE_LIMIT must be an integer from 0 to 1000000, not "-1"`},
		{"RATE_LIMIT", "1000001", `RATE_LIMIT must be an integer from 0 to 1000000, not "1000001"`},
		{"RATE_BURST", "1000000001", `RATE_BURST must be an integer from 0 to 1000000000, not "1000000001"`},
		{"MAX_FEATURES", "-1", `MAX_FEATURES must be an integer from 0 to 1000000, not "-1"`},
		{"DEDUPE_WINDOW", "0s", `DEDUPE_WINDOW must be a duration above 0 like 90s, 24h or 1d, and 35d less than EVENTS_RETENTION, not "0s"`},
		{"DEDUPE_WINDOW", "3600", `DEDUPE_WINDOW must be a duration above 0 like 90s, 24h or 1d, and 35d less than EVENTS_RETENTION, not "3600"`},
		{"EVENTS_RETENTION", "39d", `EVENTS_RETENTION must be 0 (for ever) or a duration of at least 40d like 90d or 2160h, not "39d"`},
		{"EVENTS_RETENTION", "-90d", `EVENTS_RETENTION must be 0 (for ever) or a duration of at least 40d like 90d or 2160h, not "-90d"`},
		{"EVENTS_RETENTION", "106752d", `EVENTS_RETENTION must be 0 (for ever) or a duration of at least 40d like 90d or 2160h, not "106752d"`},
		{"ROLLUPS_RETENTION", "959h", `ROLLUPS_RETENTION must be 0 (for ever) or a duration of at least 40d like 400d or 9600h, not "959h"`},
		{"ROLLUPS_RETENTION", "400", `ROLLUPS_RETENTION must be 0 (for ever) or a duration of at least 40d like 400d or 9600h, not "400"`},
		{"ROLLUPS_RETENTION", "1.5d", `ROLLUPS_RETENTION must be 0 (for ever) or a duration of at least 40d like 400d or 9600h, not "1.5d"`},
		{"AUTO_CREATE_TENANTS", "yes", `AUTO_CREATE_TENANTS must be true or false, not "yes"`},
		{"DEFAULT_QUOTA", "-1", `DEFAULT_QUOTA must be an integer from 0 to 9223372036854775807, not "-1"`},
		{"DEFAULT_QUOTA", "9223372036854775808", `DEFAULT_QUOTA must be an integer from 0 to 9223372036854775807, not "9223372036854775808"`},
		{"CURRENCY", "usd", `CURRENCY must be three capital letters like USD or EUR, not "usd"`},
		{"DEFAULT_THRESHOLDS", "80,1001", `DEFAULT_THRESHOLDS must be percentages from 1 to 1000 like 80 or 50,80,100, not "80,1001"`},
		{"PUBLIC_URL", "meter.example.com", `PUBLIC_URL must be a URL like https://meter.example.com, not "meter.example.com"`},
		{"PUBLIC_URL", "https://meter.example.com/usage", `PUBLIC_URL must be a URL like https://meter.example.com, not "https://meter.example.com/usage"`},
		{"CORS_ORIGINS", "*", `CORS_ORIGINS must be origins as browsers send them, like https://app.example.com,https://example.com:8443, not "*"`},
		{"CORS_ORIGINS", "null", `CORS_ORIGINS must be origins as browsers send them, like https://app.example.com,https://example.com:8443, not "null"`},
		{"CORS_ORIGINS", "app.example.com", `CORS_ORIGINS must be origins as browsers send them, like https://app.example.com,https://example.com:8443, not "app.example.com"`},
		{"CORS_ORIGINS", "https://app.example.com/", `CORS_ORIGINS must be origins as browsers send them, like https://app.example.com,https://example.com:8443, not "https://app.example.com/"`},
		{"CORS_ORIGINS", "https://App.example.com", `CORS_ORIGINS must be origins as browsers send them, like https://app.example.com,https://example.com:8443, not "https://App.example.com"`},
		{"CORS_ORIGINS", "https://*.example.com", `CORS_ORIGINS must be origins as browsers send them, like https://app.example.com,https://example.com:8443, not "https://*.example.com"`},
		{"CORS_ORIGINS", "https://app.example.com:443", `CORS_ORIGINS must be origins as browsers send them, like https://app.example.com,https://example.com:8443, not "https://app.example.com:443"`},
		{"CORS_ORIGINS", "https://u@app.example.com", `CORS_ORIGINS must be origins as browsers send them, like https://app.example.com,https://example.com:8443, not "https://[secret]@app.example.com"`},
		{"CORS_ORIGINS", "https://a.example.com, https://b.example.com", `CORS_ORIGINS must be origins as browsers send them, like https://app.example.com,https://example.com:8443, not "https://a.example.com, https://b.example.com"`},
		{"CORS_ORIGINS", "https://a.example.com,", `CORS_ORIGINS must be origins as browsers send them, like https://app.example.com,https://example.com:8443, not "https://a.example.com,"`},
		{"HSTS_MAX_AGE", "500ms", `HSTS_MAX_AGE must be 0 or a duration of at least 1s like 365d, not "500ms"`},
		{"VALKEY_CERT_FILE", "/cert.pem", `VALKEY_CERT_FILE must be the path of a certificate in PEM, beside VALKEY_KEY_FILE, not "/cert.pem"`},
		{"MIGRATE_DATABASE_URL", "owner", "MIGRATE_DATABASE_URL must be a URL like postgres://owner:password@host:5432/database"},
		{"BACKUP_KEEP", "14w", `BACKUP_KEEP must be a time like 14d or 36h, or a number of backups like 7, not "14w"`},
		{"BACKUP_SCHEDULE", "daily at three", `BACKUP_SCHEDULE must be a cron expression like 0 3 * * *, not "daily at three"`},
		{"BACKUP_S3_ENDPOINT", "minio:9000", `BACKUP_S3_ENDPOINT must be a URL like https://s3.example.com, not "minio:9000"`},
		{"BACKUP_S3_ACCESS_KEY", "me", "BACKUP_S3_ACCESS_KEY must be an access key, beside BACKUP_S3_SECRET_KEY"},
		{"SLACK_WEBHOOK_URL", "http://example.com/hook", "SLACK_WEBHOOK_URL must be an https URL (http needs WEBHOOK_ALLOW_PRIVATE=true)"},
		{"WEBHOOK_ALLOW_PRIVATE", "on", `WEBHOOK_ALLOW_PRIVATE must be true or false, not "on"`},
		{"AUTH", "on", `AUTH must be off or required, not "on"`},
		{"API_KEY", "fm_ingest_short", "API_KEY must be a key like fm_ingest_…, as 'flagmeter keys create' has printed it"},
		{"JWT_SECRET", "0123456789abcdef0123456789abcde", "JWT_SECRET must be at least 32 bytes"},
		{"JWT_JWKS", "http://example.com/keys", `JWT_JWKS must be a file, or an https URL (http on loopback), not "http://example.com/keys"`},
		{"EMBED_ORIGINS", "https://a.example.com; script-src *", `EMBED_ORIGINS must be origins like https://app.example.com, with commas between, not "https://a.example.com; script-src *"`},
		{"SLACK_WEBHOOK_URL_FILE", "/nowhere/hook", "SLACK_WEBHOOK_URL_FILE cannot be read: open /nowhere/hook: no such file or directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			_, err := Load(environment(map[string]string{tt.name: tt.value}))
			if err == nil || err.Error() != "bad settings:\n  "+tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	_, err := Load(environment(map[string]string{"VALKEY_URL": "x", "SHARDS": "x", "DEDUPE_WINDOW": "-1s", "DEFAULT_QUOTA": "x"}),
		"DATABASE_URL", "VALKEY_URL")
	if err == nil {
		t.Fatal("no error")
	}
	var names []string
	for _, line := range strings.Split(err.Error(), "\n")[1:] {
		names = append(names, strings.Fields(line)[0])
	}
	if got := strings.Join(names, " "); got != "DATABASE_URL VALKEY_URL SHARDS DEDUPE_WINDOW DEFAULT_QUOTA" {
		t.Errorf("got %v", err)
	}
}

func TestSecretFromFile(t *testing.T) {
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	got, err := Load(environment(map[string]string{"DATABASE_URL_FILE": file(" postgres://u:p@db/x\n")}), "DATABASE_URL")
	if err != nil || got.DatabaseURL != "postgres://u:p@db/x" {
		t.Errorf("got %q, %v", string(got.DatabaseURL), err)
	}
	for name, env := range map[string]map[string]string{
		"DATABASE_URL and DATABASE_URL_FILE are both set: keep one of them": {
			"DATABASE_URL": "postgres://u:p@db/x", "DATABASE_URL_FILE": file("postgres://u:p@db/x")},
		"DATABASE_URL_FILE names an empty file": {"DATABASE_URL_FILE": file(" \n")},
	} {
		if _, err := Load(environment(env), "DATABASE_URL"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
	// What is no secret is not read from files.
	got, err = Load(environment(map[string]string{"LISTEN_ADDR_FILE": file(":1")}))
	if err != nil || got.ListenAddr != ":3000" {
		t.Errorf("got %q, %v", got.ListenAddr, err)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	const word = "hunter2"
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(word+"\x01"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"BACKUP_S3_ENDPOINT", "PUBLIC_URL", "JWT_JWKS", "CORS_ORIGINS", "EMBED_ORIGINS", "LISTEN_ADDR", "BACKUP_SCHEDULE"} {
		_, err := Load(environment(map[string]string{name: "ftp://key:" + word + "@host/x?token=" + word}))
		if err == nil || strings.Contains(err.Error(), word) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, v := range variables() {
		if !v.secret {
			continue
		}
		for _, env := range []map[string]string{
			{v.name: word},
			{v.name: "postgres://u:" + word + "%zz@host/\x7f"},
			{v.name: "ftp://u:" + word + "@host"},
			{v.name + "_FILE": path},
			{v.name: word, v.name + "_FILE": path},
		} {
			if _, err := Load(environment(env)); err == nil || strings.Contains(err.Error(), word) {
				t.Errorf("%v: got %v", env, err)
			}
		}
	}

	c := Config{DatabaseURL: word, ValkeyURL: word, SlackWebhookURL: word, APIKey: word, JWTSecret: word}
	var shown strings.Builder
	slog.New(slog.NewTextHandler(&shown, nil)).Info("config", "config", c, "url", c.DatabaseURL)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("config", "config", c, "url", c.DatabaseURL)
	if err := json.NewEncoder(&shown).Encode(c); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&shown, "%v %+v %#v %s %q %x", c, c, c, c.ValkeyURL, c.ValkeyURL, c.ValkeyURL)
	if strings.Contains(shown.String(), word) || strings.Contains(shown.String(), fmt.Sprintf("%x", word)) {
		t.Errorf("a secret is shown: %s", &shown)
	}
}

func TestRetentionCoversTheDedupeWindow(t *testing.T) {
	for window, ok := range map[string]bool{"1320h": true, "1321h": false} { // 55 days, and an hour more
		for _, retention := range []string{"90d", ""} { // which is the default
			_, err := Load(environment(map[string]string{"EVENTS_RETENTION": retention, "DEDUPE_WINDOW": window}))
			if (err == nil) != ok {
				t.Errorf("DEDUPE_WINDOW=%s EVENTS_RETENTION=%s: %v", window, retention, err)
			}
		}
	}
	if _, err := Load(environment(map[string]string{"EVENTS_RETENTION": "0", "DEDUPE_WINDOW": "9000h"})); err != nil {
		t.Error(err)
	}
}
