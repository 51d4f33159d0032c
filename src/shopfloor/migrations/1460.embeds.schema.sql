-- Sites of the merchant that may show a room in a frame, as shopfloor.embeds checks them.
CREATE SCHEMA embeds;

CREATE TABLE embeds.site (
    shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
    origin     text NOT NULL CHECK (origin ~ '^https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shop_id, origin)
);
