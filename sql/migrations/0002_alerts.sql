-- +migrate Up

-- slack_webhooks: where a tenant's alerts go. The url is a secret.
CREATE TABLE slack_webhooks (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant     text        NOT NULL REFERENCES tenants (name) ON UPDATE CASCADE,
    url        text        NOT NULL,
    enabled    boolean     NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, url)
);

-- alerts: one row a crossing. It stays open until usage falls below the threshold
-- again (quota raised) or the period ends.
CREATE TABLE alerts (
    id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant       text        NOT NULL REFERENCES tenants (name) ON UPDATE CASCADE,
    period_start date        NOT NULL,   -- first day, in the tenant's calendar
    period_end   date        NOT NULL,   -- first day of the next period
    threshold    int         NOT NULL,   -- percent of the quota
    used         bigint      NOT NULL,   -- tokens when it fired
    quota        bigint      NOT NULL,
    fired_at     timestamptz NOT NULL DEFAULT now(),
    cleared_at   timestamptz
);
CREATE UNIQUE INDEX alerts_open ON alerts (tenant, period_start, threshold) WHERE cleared_at IS NULL;
CREATE INDEX alerts_fired_at ON alerts (fired_at);
CREATE INDEX alerts_tenant_fired_at ON alerts (tenant, fired_at);

-- alert_deliveries: the outbox. Written in the transaction of its alert.
CREATE TABLE alert_deliveries (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    alert_id        uuid        NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    target          text        NOT NULL CHECK (target IN ('webhook', 'default')), -- default: the URL of the settings
    webhook_id      uuid        REFERENCES slack_webhooks (id) ON DELETE SET NULL, -- of a webhook; NULL: it was deleted
    status          text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'dead')),
    attempts        int         NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_error      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    delivered_at    timestamptz
);
CREATE INDEX alert_deliveries_pending ON alert_deliveries (next_attempt_at) WHERE status = 'pending';
