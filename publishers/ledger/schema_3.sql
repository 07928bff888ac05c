-- What a channel has taken and does not show yet: `explain` says that it is waited for.
ALTER TABLE channel_state ADD COLUMN accepted_at timestamptz;

-- What channels list: bundles and their components, and what is sold no more, also where nothing was ever told.
-- `place` is the partition: a listing whose SKU has changed stands in two until it is ended in the old one.
CREATE TABLE listings (
    channel         text        NOT NULL,
    listing_id      text        NOT NULL,
    place           text        NOT NULL,
    sku             text        NOT NULL,
    components      jsonb       NOT NULL,
    retired         boolean     NOT NULL,
    topic_id        text        NOT NULL,
    topic_partition integer     NOT NULL,
    topic_offset    bigint      NOT NULL,
    PRIMARY KEY (channel, listing_id, place)
);
CREATE INDEX listings_sku ON listings (sku);
