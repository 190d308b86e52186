-- +migrate Up

SET LOCAL lock_timeout = '3s';

-- Operators edit tenants, slack_webhooks, webhooks and api_keys with plain SQL. A row that a
-- process cannot read is refused here, with the name of the rule that it breaks. Rows that are
-- there already are mended below to what a loader makes of them, so that a change of another
-- column of theirs goes on to work; 0014 validates the constraints.

ALTER TABLE tenants
    ADD CONSTRAINT tenants_thresholds_one_dimension CHECK (cardinality(thresholds) = 0 OR array_ndims(thresholds) = 1 AND array_lower(thresholds, 1) = 1) NOT VALID,
    ADD CONSTRAINT tenants_thresholds_no_null CHECK (array_ndims(thresholds) > 1 OR array_position(thresholds, NULL) IS NULL) NOT VALID;

-- all_differ reports whether no element of an array is there twice. A CHECK may have no subquery.
-- +migrate StatementBegin
CREATE FUNCTION all_differ(elements int[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT count(DISTINCT element) = count(element) FROM unnest(elements) AS element
$$;
-- +migrate StatementEnd
ALTER TABLE tenants ADD CONSTRAINT tenants_thresholds_differ CHECK (all_differ(thresholds)) NOT VALID;

-- A disabled webhook may have any URL: so a bad one can be switched off.
ALTER TABLE slack_webhooks ADD CONSTRAINT slack_webhooks_url_form
    CHECK (NOT enabled OR url ~* '^https?://[^/?#[:space:]]+([/?#][^[:space:]]*)?$' AND char_length(url) <= 2048) NOT VALID;

-- A year beyond 9999 has no form in JSON, and infinity none in a program: NULL is never.
ALTER TABLE api_keys
    ADD CONSTRAINT api_keys_created_at_readable CHECK (created_at BETWEEN '1970-01-01Z' AND '9999-12-31Z') NOT VALID,
    ADD CONSTRAINT api_keys_expires_at_readable CHECK (expires_at BETWEEN '1970-01-01Z' AND '9999-12-31Z') NOT VALID,
    ADD CONSTRAINT api_keys_revoked_at_readable CHECK (revoked_at BETWEEN '1970-01-01Z' AND '9999-12-31Z') NOT VALID,
    ADD CONSTRAINT api_keys_last_used_at_readable CHECK (last_used_at BETWEEN '1970-01-01Z' AND '9999-12-31Z') NOT VALID;

-- Each of these statements changes only rows that break a rule: mostly none.
-- +migrate StatementBegin
DO $$
DECLARE
    it record;
BEGIN
    FOR it IN
        SELECT name, thresholds, (SELECT coalesce(array_agg(DISTINCT t ORDER BY t), '{}') FROM unnest(thresholds) AS t WHERE t IS NOT NULL) AS mended
        FROM tenants
        WHERE array_ndims(thresholds) > 1 OR array_lower(thresholds, 1) <> 1 OR NOT all_differ(thresholds)
            OR EXISTS (SELECT FROM unnest(thresholds) AS t WHERE t IS NULL)
    LOOP
        RAISE WARNING 'thresholds of tenant % were %, which cannot be read, and are now %', it.name, it.thresholds, it.mended;
        UPDATE tenants SET thresholds = it.mended WHERE name = it.name; -- safe: one row
    END LOOP;

    UPDATE api_keys SET -- safe: only rows that cannot be read
        created_at = CASE WHEN created_at < '1970-01-01Z' THEN '1970-01-01Z' ELSE least(created_at, now()) END,
        expires_at = CASE WHEN expires_at < '1970-01-01Z' THEN '1970-01-01Z' WHEN expires_at <= '9999-12-31Z' THEN expires_at END,
        revoked_at = CASE WHEN revoked_at IS NOT NULL THEN least(greatest(revoked_at, '1970-01-01Z'), '9999-12-31Z') END,
        last_used_at = CASE WHEN last_used_at BETWEEN '1970-01-01Z' AND '9999-12-31Z' THEN last_used_at END
    WHERE NOT (created_at BETWEEN '1970-01-01Z' AND '9999-12-31Z')
        OR NOT (expires_at BETWEEN '1970-01-01Z' AND '9999-12-31Z')
        OR NOT (revoked_at BETWEEN '1970-01-01Z' AND '9999-12-31Z')
        OR NOT (last_used_at BETWEEN '1970-01-01Z' AND '9999-12-31Z');
END $$;
-- +migrate StatementEnd
