-- Where a list price comes from, as somebody has said: who asks for it, and where that can be read.  Only added to; the
-- newest counts, for the amount that it was said of.
CREATE TABLE catalog.list_price_source (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id     bigint NOT NULL,
    variant_id  bigint NOT NULL,
    minor       bigint NOT NULL CHECK (minor BETWEEN 0 AND 1000000000000),
    source      text NOT NULL CHECK (length(source) <= 100),
    evidence    text NOT NULL CHECK (length(evidence) <= 1000),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (shop_id, variant_id) REFERENCES catalog.variant (shop_id, id),
    CHECK (source = '' OR evidence <> '')
);
CREATE INDEX list_price_source_of_variant ON catalog.list_price_source (shop_id, variant_id, id DESC);
