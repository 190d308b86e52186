package config

import (
	"log/slog"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Config holds every setting that the environment can make. The tag "want" completes the sentence
// "NAME must be ..." when a value is refused.
type Config struct {
	// DatabaseURL locates Postgres, with user, password and database. Every role needs it.
	DatabaseURL Secret `env:"DATABASE_URL" want:"a URL like postgres://user:password@host:5432/database"`

	// ValkeyURL locates Valkey, with password and database number. Several hosts, separated by
	// commas, are the seeds of a Valkey Cluster. Every role needs it.
	ValkeyURL Secret `env:"VALKEY_URL" want:"a URL like redis://:password@host:6379/0"`

	// LogLevel is the lowest level that is logged.
	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"info" want:"debug, info, warn or error"`

	// Observe makes a process count, time, number and log requests, and serve /metrics. Turning it
	// off shows what observability costs.
	Observe bool `env:"OBSERVE" envDefault:"true" want:"true or false"`

	// TopTenants is the number of tenants, those with the largest usage, whose usage and quota
	// ingest publishes as metrics. Each adds two series with the tenant's name as a label.
	TopTenants int `env:"METRICS_TOP_TENANTS" envDefault:"0" want:"an integer from 0 to 50"`

	// ListenAddr is host:port of the API and the dashboard. Without a host, ingest listens on every
	// address of the machine.
	ListenAddr string `env:"LISTEN_ADDR" envDefault:":3000" want:"an address like :3000 or 127.0.0.1:3000"`

	// DrainTime is how long ingest keeps serving after SIGTERM, while /readyz answers 503. A proxy
	// must notice the 503 within this time. With the image's health check Docker needs 6 s for
	// that, and Traefik 2 s more. A role exits at most 25 s after this time.
	DrainTime time.Duration `env:"DRAIN_TIME" envDefault:"10s" want:"0 or a duration up to 10m like 10s"`

	// ReusePort lets the next process listen on the same port while this one drains (SO_REUSEPORT).
	// It requires Linux, and both processes must run as the same user.
	ReusePort bool `env:"REUSE_PORT" envDefault:"false" want:"true or false (it takes Linux)"`

	// MetricsAddr is host:port of /metrics without a credential, and of /healthz for every role
	// except ingest. Empty means the role's default: :9101 for the flusher, :9102 for the alerter,
	// none for ingest.
	MetricsAddr string `env:"METRICS_ADDR" want:"an address like :9101 or 127.0.0.1:9101"`

	// AdminAddr is host:port of /debug/pprof for every role. It must be on loopback, because a
	// profile contains memory and no credential is required. If it is empty, the role serves no
	// profiles.
	AdminAddr string `env:"ADMIN_ADDR" want:"an address on loopback like 127.0.0.1:6060"`

	// Auth says whether callers of the API need a credential: "off" or "required". Empty means
	// required, unless only this machine can reach the API. The API then refuses requests from
	// foreign pages and proxies.
	Auth string `env:"AUTH" want:"off or required"`

	// APIKey is the credential of commands that use the API. If it is empty, they send none.
	APIKey Secret `env:"API_KEY" want:"a key like fm_ingest_…, as 'flagmeter keys create' has printed it"`

	// JWTSecret is the HS256 secret that signs tokens, at least 32 bytes. If it is empty, HS256
	// tokens are refused.
	JWTSecret Secret `env:"JWT_SECRET" want:"at least 32 bytes"`

	// JWTKeys is the JWKS of the issuer that signs tokens with EdDSA, ES256 or RS256: a file, read
	// every 30 s, or a URL, read every 5 minutes. If it is empty, such tokens are refused.
	JWTKeys string `env:"JWT_JWKS" want:"a file, or an https URL (http on loopback)"`

	// JWKSMaxAge is how long the keys of JWTKeys stay valid while JWTKeys cannot be read. 0 means
	// for ever.
	JWKSMaxAge Duration `env:"JWT_JWKS_MAX_AGE" envDefault:"6h" want:"0 (for ever) or a duration of at least 10m like 6h or 1d"`

	// JWTMaxLifetime is how far a token's expiry may lie from now, and from its claim iat: tokens
	// cannot be revoked. 0 means any time.
	JWTMaxLifetime Duration `env:"JWT_MAX_LIFETIME" envDefault:"24h" want:"0 (any time) or a duration of at least 1m like 24h or 7d"`

	// JWTIssuer is the required value of a token's claim iss.
	JWTIssuer string `env:"JWT_ISSUER" envDefault:"flagmeter" want:"text"`

	// JWTAudience is a value that a token's claim aud must contain.
	JWTAudience string `env:"JWT_AUDIENCE" envDefault:"flagmeter" want:"text"`

	// Shards is the number of shards that the tenants are divided among, for a Valkey Cluster. It
	// must be the same for all roles; `flagmeter shards set` changes it.
	Shards int `env:"SHARDS" envDefault:"1" want:"an integer from 1 to 1024"`

	// DedupeWindow is how long the id of an event is remembered: within it, the same event sent
	// again counts once. Valkey keeps up to two windows of ids, at 26 bytes each: with 1,000 ids/s,
	// 3 h are 21.6 million ids and 560 MB, which leaves 1.4 GB of a 2 GB machine for everything
	// else. Valkey's clock may jump ahead by a third of the window. A recovery restores the ids of
	// a Valkey that has lost writes from events, so events must be kept for longer than the window.
	DedupeWindow time.Duration `env:"DEDUPE_WINDOW" envDefault:"3h" want:"a duration above 0 like 90s, 24h or 1d, and 35d less than EVENTS_RETENTION"`

	// EventsRetention is how long raw events are kept, by their own time: whole (UTC) days are
	// dropped. An event may be 35 days old when it arrives, and 5 more days allow for a Postgres
	// that is down. 0 means for ever.
	EventsRetention Duration `env:"EVENTS_RETENTION" envDefault:"90d" want:"0 (for ever) or a duration of at least 40d like 90d or 2160h"`

	// RollupsRetention is how long usage by minute is kept: whole (UTC) months are dropped. Usage
	// by day is kept for ever. 0 means for ever.
	RollupsRetention Duration `env:"ROLLUPS_RETENTION" envDefault:"400d" want:"0 (for ever) or a duration of at least 40d like 400d or 9600h"`

	// AutoCreateTenants creates a tenant for every unknown name in an event, instead of answering
	// 404.
	AutoCreateTenants bool `env:"AUTO_CREATE_TENANTS" envDefault:"false" want:"true or false"`

	// DefaultQuota is the quota of tenants created that way, in tokens per billing period; 0 means
	// none.
	DefaultQuota int64 `env:"DEFAULT_QUOTA" envDefault:"0" want:"an integer from 0 to 9223372036854775807"`

	// DefaultThresholds are the percentages of the quota at which a tenant alerts. They apply to
	// tenants that AutoCreateTenants creates, and to those that `flagmeter tenants add` adds
	// without other thresholds. See [Config.Thresholds].
	DefaultThresholds string `env:"DEFAULT_THRESHOLDS" envDefault:"80" want:"percentages from 1 to 1000 like 80 or 50,80,100"`

	// Currency is what prices, costs and limits of money are in: a code of ISO 4217. The database
	// notes it with its first money, and refuses another one.
	Currency string `env:"CURRENCY" envDefault:"USD" want:"three capital letters like USD or EUR"`

	// RateLimit is how many events a second a tenant without a rate_limit may send; 0 means any
	// number.
	RateLimit int64 `env:"RATE_LIMIT" envDefault:"0" want:"an integer from 0 to 1000000"`

	// RateBurst is how many events such a tenant may send at once, and so the size of its largest
	// request; 0 means as many as RateLimit.
	RateBurst int64 `env:"RATE_BURST" envDefault:"0" want:"an integer from 0 to 1000000000"`

	// RateGuard is how many events a second one process accepts from a tenant that has no rate
	// limit at all, and ten times as many at once, so that no tenant fills the stores by mistake. 0
	// means any number.
	RateGuard int64 `env:"RATE_GUARD" envDefault:"50000" want:"an integer from 0 to 1000000"`

	// MaxInFlight is how many requests with events one process handles at a time for one API key,
	// and how many requests of one tenant wait for Valkey in a shard; 0 means any number.
	MaxInFlight int `env:"MAX_IN_FLIGHT" envDefault:"512" want:"an integer from 0 to 8192"`

	// GroupLinger is how long a request may wait for others, so that they are written to Valkey
	// together, when several arrive at a time; 0 means that none waits.
	GroupLinger time.Duration `env:"GROUP_LINGER" envDefault:"2ms" want:"0 or a duration up to 100ms like 2ms"`

	// MaxFeatures is how many features a tenant may have. A feature counts if it was used in the
	// last 35 days. 0 means any number.
	MaxFeatures int `env:"MAX_FEATURES" envDefault:"1000" want:"an integer from 0 to 1000000"`

	// MaxKeys is how many live API keys may exist, and how many may be created within an hour. Each
	// takes 1.5 kB in every ingest process. 0 means any number.
	MaxKeys int `env:"MAX_KEYS" envDefault:"20000" want:"an integer from 0 to 1000000"`

	// MaxTenantKeys is how many API keys may be bound to one tenant; 0 means any number.
	MaxTenantKeys int `env:"MAX_TENANT_KEYS" envDefault:"100" want:"an integer from 0 to 1000000"`

	// TenantKeysPerHour is how many API keys of one tenant may be created through the API within an
	// hour, revoked ones included; 0 means any number.
	TenantKeysPerHour int `env:"TENANT_KEYS_PER_HOUR" envDefault:"100" want:"an integer from 0 to 1000000"`

	// RequestMemory is how many bytes all requests in progress may take together: bodies, decoded
	// events, and answers that clients have not read yet. 0 means a quarter of the process's memory
	// limit, but at least 40 MiB.
	RequestMemory Bytes `env:"REQUEST_MEMORY" envDefault:"0" want:"0 (from the memory limit) or at least 40MiB"`

	// MaxConnections is how many connections to the API may be open at once, not counting
	// WebSockets. 0 means as many as fit into a sixth of the process's memory limit.
	MaxConnections int `env:"MAX_CONNECTIONS" envDefault:"0" want:"0 (from the memory limit) or an integer from 64 to 1000000"`

	// PublicURL is the address at which people reach the dashboard, without a path. Alerts link to
	// it. Its pages may open live updates behind a proxy that does not pass Host on. If it is
	// empty, alerts have no link.
	PublicURL string `env:"PUBLIC_URL" want:"a URL like https://meter.example.com"`

	// EmbedOrigins are the origins whose pages may show the dashboard in a frame, separated by
	// commas. If it is empty, no page may.
	EmbedOrigins string `env:"EMBED_ORIGINS" want:"origins like https://app.example.com, with commas between"`

	// CORSOrigins are the origins of other hosts whose pages may use the API with a token,
	// separated by commas. If it is empty, none may. See [Config.Origins].
	CORSOrigins string `env:"CORS_ORIGINS" want:"origins as browsers send them, like https://app.example.com,https://example.com:8443"`

	// HSTSMaxAge is how long browsers must reach this host through TLS only. It requires a proxy
	// that terminates TLS for at least that long. 0 means that no such header is sent.
	HSTSMaxAge time.Duration `env:"HSTS_MAX_AGE" envDefault:"0" want:"0 or a duration of at least 1s like 365d"`

	// ValkeyCAFile names the CA certificates, in PEM, that verify Valkey's certificate with
	// rediss://. If it is empty, the CAs that the machine trusts verify it.
	ValkeyCAFile string `env:"VALKEY_CA_FILE" want:"the path of certificates in PEM"`

	// ValkeyCertFile and ValkeyKeyFile name this client's certificate and its key, in PEM, for a
	// Valkey that requires one (tls-auth-clients).
	ValkeyCertFile string `env:"VALKEY_CERT_FILE" want:"the path of a certificate in PEM, beside VALKEY_KEY_FILE"`
	ValkeyKeyFile  string `env:"VALKEY_KEY_FILE" want:"the path of a key in PEM, beside VALKEY_CERT_FILE"`

	// MigrateOnStart makes a role bring the schema up to date before it works, for deployments that
	// cannot run `flagmeter migrate`.
	MigrateOnStart bool `env:"MIGRATE_ON_START" envDefault:"false" want:"true or false"`

	// MigrateDatabaseURL replaces DatabaseURL in `flagmeter migrate` and MigrateOnStart only. It
	// names the owner of the schema, where the roles have fewer rights. If it is empty, DatabaseURL
	// applies.
	MigrateDatabaseURL Secret `env:"MIGRATE_DATABASE_URL" want:"a URL like postgres://owner:password@host:5432/database"`

	// BackupTarget is where `flagmeter backup` stores backups: the path of a directory, or
	// s3://bucket/prefix.
	BackupTarget string `env:"BACKUP_TARGET" want:"the path of a directory, or s3://bucket/prefix"`

	// BackupS3Endpoint is the URL of an S3-compatible store. Empty means AWS.
	BackupS3Endpoint string `env:"BACKUP_S3_ENDPOINT" want:"a URL like https://s3.example.com"`

	// BackupS3Region is the region of the bucket. If it is empty, FlagMeter asks the store.
	BackupS3Region string `env:"BACKUP_S3_REGION" want:"a region like eu-central-1"`

	// BackupS3AccessKey and BackupS3SecretKey are credentials that may write to the bucket. If they
	// are empty, the usual settings of AWS or the machine's role supply them.
	BackupS3AccessKey Secret `env:"BACKUP_S3_ACCESS_KEY" want:"an access key, beside BACKUP_S3_SECRET_KEY"`
	BackupS3SecretKey Secret `env:"BACKUP_S3_SECRET_KEY" want:"a secret key, beside BACKUP_S3_ACCESS_KEY"`

	// BackupSignKey is the private minisign key, without a password, with which `flagmeter backup`
	// signs. If it is empty, backups are not signed.
	BackupSignKey Secret `env:"BACKUP_SIGN_KEY" want:"a private key as flagmeter backup key writes it"`

	// BackupVerifyKey is the public minisign key with which a restore verifies backups. If it is
	// empty, a restore trusts every backup in the target.
	BackupVerifyKey string `env:"BACKUP_VERIFY_KEY" want:"a public key as flagmeter backup key prints it"`

	// BackupKeep is how long backups are kept, in days or hours, or how many of them. The newest
	// good one is always kept.
	BackupKeep string `env:"BACKUP_KEEP" envDefault:"14d" want:"a time like 14d or 36h, or a number of backups like 7"`

	// BackupSchedule is the cron expression, in UTC, that schedules `flagmeter backup`. If it is
	// empty, the command makes one backup and exits.
	BackupSchedule string `env:"BACKUP_SCHEDULE" want:"a cron expression like 0 3 * * *"`

	// SlackWebhookURL receives the alerts of tenants without a row in slack_webhooks. If it is
	// empty, those tenants get no message.
	SlackWebhookURL Secret `env:"SLACK_WEBHOOK_URL" want:"an https URL (http needs WEBHOOK_ALLOW_PRIVATE=true)"`

	// WebhookAllowPrivate permits webhooks without TLS, at addresses that are not public and at the
	// machine's own. Anyone who may edit webhooks can then reach the machine's network.
	WebhookAllowPrivate bool `env:"WEBHOOK_ALLOW_PRIVATE" envDefault:"false" want:"true or false"`
}

// FrameAncestors returns EmbedOrigins one by one.
func (c Config) FrameAncestors() []string {
	return strings.FieldsFunc(c.EmbedOrigins, func(r rune) bool { return r == ',' || r == ' ' })
}

// Thresholds returns DefaultThresholds in ascending order, each once.
func (c Config) Thresholds() []int {
	thresholds, _ := meter.ParseThresholds(c.DefaultThresholds) // Load has validated them
	return thresholds
}

// Origins returns CORSOrigins one by one.
func (c Config) Origins() []string {
	if c.CORSOrigins == "" {
		return nil
	}
	return strings.Split(c.CORSOrigins, ",")
}

// Secret is text that must never be shown: it prints as "[secret]" in every format. Convert it to
// string to use it.
type Secret string

const hidden = "[secret]"

// String hides the secret from fmt.
func (Secret) String() string { return hidden }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return hidden }

// MarshalText hides the secret from encoders, log/slog among them.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
