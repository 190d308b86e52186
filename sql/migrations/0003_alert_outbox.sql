-- +migrate Up

-- webhooks: endpoints that get signed JSON events (docs/WEBHOOKS.md). Operators edit this
-- table with plain SQL. The url and both secrets are secrets.
CREATE TABLE webhooks (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant          text        REFERENCES tenants (name) ON UPDATE CASCADE, -- NULL: the events of all tenants
    url             text        NOT NULL
                    CHECK (url ~ '^https?://[^/?#[:space:]]+([/?#][^[:space:]]*)?$' AND char_length(url) <= 2048),
    -- whsec_ and 24 to 64 bytes in base64, as Standard Webhooks has it. The default is 32
    -- bytes of Postgres' strong random source, 244 bits of them random.
    secret          text        NOT NULL
                    DEFAULT 'whsec_' || encode(decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), 'base64')
                    CHECK (secret ~ '^whsec_[A-Za-z0-9+/]+=*$'
                           AND octet_length(decode(substr(secret, 7), 'base64')) BETWEEN 24 AND 64),
    -- During a rotation requests are signed with both; NULL: there is none.
    previous_secret text
                    CHECK (previous_secret ~ '^whsec_[A-Za-z0-9+/]+=*$'
                           AND octet_length(decode(substr(previous_secret, 7), 'base64')) BETWEEN 24 AND 64),
    enabled         boolean     NOT NULL DEFAULT true, -- an answer of 410 sets it to false
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (tenant, url)
);

-- deliveries: the outbox. A row is written in the transaction that opens or clears its alert.
ALTER TABLE alert_deliveries RENAME TO deliveries;
ALTER TABLE deliveries RENAME COLUMN webhook_id TO slack_webhook_id;
ALTER INDEX alert_deliveries_pending RENAME TO deliveries_pending;
ALTER TABLE deliveries
    ADD COLUMN kind       text        NOT NULL DEFAULT 'slack' CHECK (kind IN ('slack', 'webhook')),
    ADD COLUMN event      text        NOT NULL DEFAULT 'quota.threshold_crossed'
                          CHECK (event IN ('quota.threshold_crossed', 'quota.rearmed')),
    ADD COLUMN webhook_id uuid        REFERENCES webhooks (id) ON DELETE SET NULL, -- of kind webhook; NULL: it was deleted
    -- What the message says, as it was when the event happened; '{}' from the version before.
    ADD COLUMN facts      jsonb       NOT NULL DEFAULT '{}',
    ADD COLUMN give_up_at timestamptz NOT NULL DEFAULT now() + interval '24 hours', -- no attempt after it
    ADD COLUMN attempt    bigint;                                                   -- the latest of delivery_attempts
CREATE INDEX deliveries_alert ON deliveries (alert_id);

-- The outbox as the version before knows it. Its alerters may go on with this view: they
-- see Slack messages only, and take none for a kind that they do not know.
CREATE VIEW alert_deliveries AS
    SELECT id, alert_id, target, slack_webhook_id AS webhook_id, status, attempts, next_attempt_at,
        last_error, created_at, delivered_at
    FROM deliveries
    WHERE kind = 'slack';

-- delivery_attempts: every POST of a delivery. A row is written before the request; one that
-- has neither status nor error is in flight, or its sender has died. No url is ever in it.
CREATE TABLE delivery_attempts (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id uuid        NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    status      int,        -- of the HTTP answer; NULL: there was none
    error       text,       -- NULL: the webhook has taken the message
    duration_ms bigint
);
CREATE INDEX delivery_attempts_delivery ON delivery_attempts (delivery_id, id);

-- slack_pace: Slack takes one message a second of each webhook, whoever sends it. A row is a
-- Slack URL that was posted to, by its SHA-256.
CREATE TABLE slack_pace (
    url_digest bytea       PRIMARY KEY,
    free_at    timestamptz NOT NULL -- the next message may go then
);
