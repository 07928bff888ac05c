-- Version 1 of the ledger's tables.  A later version is another file; this one is never edited again.

-- The truth about what has been written: moved in the same transaction as the rows, compared before it is moved.
CREATE TABLE ledger_positions (
    topic_id        text        NOT NULL,
    topic_partition integer     NOT NULL,
    topic           text        NOT NULL,
    next_offset     bigint      NOT NULL CHECK (next_offset >= 0),
    caught_up_at    timestamptz,          -- when the partition's end was last seen: all that is older is in the tables
    PRIMARY KEY (topic_id, topic_partition)
);

-- What could not be written, and why: records that no reader understands, and offsets that Kafka had already deleted.
CREATE TABLE ledger_faults (
    topic_id        text        NOT NULL,
    topic_partition integer     NOT NULL,
    topic_offset    bigint      NOT NULL,
    through_offset  bigint      NOT NULL,
    topic           text        NOT NULL,
    kind            text        NOT NULL, -- unreadable, unstorable, expired
    err             text        NOT NULL,
    PRIMARY KEY (topic_id, topic_partition, topic_offset, kind)
);

-- stock.level: the newest record of every SKU.
CREATE TABLE products (
    sku             text        PRIMARY KEY,
    master_quantity bigint,               -- null until the SKU is first stocked
    version         bigint      NOT NULL,
    paused          text,
    policy          text        NOT NULL,
    waiting         jsonb       NOT NULL,
    waiting_more    bigint      NOT NULL,
    velocity        bigint      NOT NULL, -- thousandths of a unit an hour
    cause           jsonb       NOT NULL,
    source          jsonb       NOT NULL,
    updated_at      timestamptz NOT NULL,
    topic_id        text        NOT NULL,
    topic_partition integer     NOT NULL,
    topic_offset    bigint      NOT NULL
);

-- order.outcome: every decision, for ever.
CREATE TABLE order_events (
    sku             text        NOT NULL,
    qty             bigint      NOT NULL,
    channel         text,
    order_id        text        NOT NULL,
    result          text        NOT NULL,
    "timestamp"     timestamptz NOT NULL,
    held            bigint      NOT NULL,
    shortfall       bigint      NOT NULL,
    delta           bigint      NOT NULL,
    new_qty         bigint,
    version         bigint,
    revision        bigint      NOT NULL,
    seen_at         timestamptz NOT NULL,
    ordered_at      timestamptz NOT NULL,
    source          jsonb       NOT NULL,
    topic_id        text        NOT NULL,
    topic_partition integer     NOT NULL,
    topic_offset    bigint      NOT NULL,
    PRIMARY KEY (topic_id, topic_partition, topic_offset)
);
CREATE INDEX order_events_sku ON order_events (sku, "timestamp" DESC, topic_offset DESC);
CREATE INDEX order_events_order_id ON order_events (order_id);

-- sync.log: every row of every call, for ever.
CREATE TABLE sync_log (
    call_id         text        NOT NULL,
    channel         text        NOT NULL,
    sku             text        NOT NULL,
    listing_id      text        NOT NULL,
    quantity_sent   bigint      NOT NULL,
    version         bigint      NOT NULL,
    response_code   bigint      NOT NULL, -- 0 where no answer came
    verdict         text        NOT NULL,
    error           text,
    started_at      timestamptz NOT NULL,
    duration_ms     bigint      NOT NULL,
    lag_ms          bigint      NOT NULL,
    topic_id        text        NOT NULL,
    topic_partition integer     NOT NULL,
    topic_offset    bigint      NOT NULL,
    PRIMARY KEY (topic_id, topic_partition, topic_offset)
);
CREATE INDEX sync_log_sku ON sync_log (sku, channel, listing_id, started_at DESC);

-- channel.level.<channel>: one row a listing, or one with listing_id '' for a SKU without any there.
CREATE TABLE channel_state (
    channel         text        NOT NULL,
    sku             text        NOT NULL,
    listing_id      text        NOT NULL,
    shown           bigint,
    shown_at        timestamptz,
    inferred        boolean     NOT NULL,
    sent            bigint,
    sent_version    bigint,
    sent_at         timestamptz,
    request_id      text,
    hidden          bigint      NOT NULL,
    status          text        NOT NULL,
    attempt         bigint      NOT NULL,
    next_attempt_at timestamptz,
    err             text,
    dirty_since     timestamptz,
    at              timestamptz NOT NULL,
    topic_id        text        NOT NULL,
    topic_partition integer     NOT NULL,
    topic_offset    bigint      NOT NULL,
    PRIMARY KEY (sku, channel, listing_id)
);

CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is not allowed', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON order_events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sync_log
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_faults
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
