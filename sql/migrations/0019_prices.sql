-- +migrate Up

SET LOCAL lock_timeout = '3s';

-- prices: what tokens cost, in nano-units of the deployment's currency for 1,000,000 tokens. Rows are
-- only added: a new price is a row with a later effective_from, and what was counted before keeps its
-- cost. Which row is chosen: package internal/price.
CREATE TABLE prices (
    id                 bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant             text        REFERENCES tenants (name),                             -- who negotiated it; NULL: the list price
    provider           text        CHECK (char_length(provider) BETWEEN 1 AND 128),       -- NULL: every provider
    model              text        NOT NULL CHECK (char_length(model) BETWEEN 1 AND 128),
    service_tier       text        NOT NULL DEFAULT 'standard' CHECK (service_tier IN ('standard', 'batch', 'flex', 'priority')),
    pool               text        NOT NULL CHECK (pool IN ('input', 'cacheRead', 'cacheWrite', 'cacheWrite1h', 'output', 'reasoning',
                                       'audioInput', 'audioOutput', 'imageInput', 'imageOutput', 'unspecified')),
    above_input_tokens bigint      NOT NULL DEFAULT 0 CHECK (above_input_tokens >= 0),    -- holds for a larger input; 0: for any
    inclusive          boolean     NOT NULL DEFAULT false,                                -- and for one of exactly so many tokens
    nano_per_million   bigint      CHECK (nano_per_million BETWEEN 0 AND 1000000000000000), -- 0: free; NULL: no price any more
    effective_from     timestamptz NOT NULL DEFAULT now() CHECK (effective_from BETWEEN '1970-01-01Z' AND '9999-12-31Z'),
    shipped            boolean     NOT NULL DEFAULT false,                                -- came with the program: any other row wins
    source             text        NOT NULL DEFAULT 'SQL' CHECK (char_length(source) BETWEEN 1 AND 1000),
    checked_at         timestamptz NOT NULL DEFAULT now() CHECK (checked_at BETWEEN '1970-01-01Z' AND '9999-12-31Z'),
    created_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT prices_shipped_are_of_the_list CHECK (NOT shipped OR tenant IS NULL AND provider IS NOT NULL),
    -- A price holds until the next one: two from the same instant on would overlap.
    CONSTRAINT prices_no_overlap
        UNIQUE NULLS NOT DISTINCT (model, provider, service_tier, pool, above_input_tokens, tenant, shipped, effective_from)
);

-- price_names: other names of models. One with a # in it is a pattern, in which each # stands for a
-- digit. The latest row about a name counts; of two, one that is not shipped.
CREATE TABLE price_names (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider   text        CHECK (char_length(provider) BETWEEN 1 AND 128), -- NULL: every provider
    name       text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 128 AND name !~ '^#'),
    model      text        CHECK (char_length(model) BETWEEN 1 AND 128),    -- NULL: the name leads nowhere any more
    shipped    boolean     NOT NULL DEFAULT false,
    source     text        NOT NULL DEFAULT 'SQL' CHECK (char_length(source) BETWEEN 1 AND 1000),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- prices_version: one row that every change of both tables increments, as tenants_version does for
-- tenants.
CREATE TABLE prices_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint  NOT NULL DEFAULT 0
);
INSERT INTO prices_version DEFAULT VALUES;

-- +migrate StatementBegin
CREATE FUNCTION bump_prices_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE prices_version SET version = version + 1; -- safe: one row
    RETURN NULL;
END $$;
-- +migrate StatementEnd
CREATE TRIGGER prices_changed AFTER INSERT ON prices FOR EACH STATEMENT EXECUTE FUNCTION bump_prices_version();
CREATE TRIGGER price_names_changed AFTER INSERT ON price_names FOR EACH STATEMENT EXECUTE FUNCTION bump_prices_version();

-- +migrate StatementBegin
CREATE FUNCTION keep_prices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed nor deleted: add a row that takes their place', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
-- +migrate StatementEnd
CREATE TRIGGER keep_prices BEFORE UPDATE OR DELETE OR TRUNCATE ON prices FOR EACH STATEMENT EXECUTE FUNCTION keep_prices(); -- safe: refuses it
CREATE TRIGGER keep_price_names BEFORE UPDATE OR DELETE OR TRUNCATE ON price_names FOR EACH STATEMENT EXECUTE FUNCTION keep_prices(); -- safe: refuses it

-- currency: what all money of this database is in, noted with the first of it. Shipped prices are in
-- USD and hold only there, so they note nothing.
CREATE TABLE currency (
    one      boolean     PRIMARY KEY DEFAULT true CHECK (one),
    code     text        NOT NULL CHECK (code ~ '^[A-Z]{3}$'),
    noted_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER keep_currency BEFORE UPDATE OR DELETE OR TRUNCATE ON currency FOR EACH STATEMENT EXECUTE FUNCTION keep_prices(); -- safe: refuses it
