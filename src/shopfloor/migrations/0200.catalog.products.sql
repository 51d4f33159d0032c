-- What is for sale: products, their variants, prices and pictures.
CREATE SCHEMA catalog;

CREATE TABLE catalog.product (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id      bigint NOT NULL REFERENCES accounts.shop (id),
    handle       text NOT NULL CHECK (length(handle) BETWEEN 1 AND 255),
    title        text NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    titles       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(titles) = 'object'),
    description  text NOT NULL DEFAULT '',
    descriptions jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(descriptions) = 'object'),
    kind         text NOT NULL CHECK (kind IN ('sized', 'piece', 'made_to_order')),
    status       text NOT NULL CHECK (status IN ('draft', 'active', 'archived')),
    vendor       text NOT NULL DEFAULT '',
    product_type text NOT NULL DEFAULT '',
    tags         text[] NOT NULL DEFAULT '{}',
    option_names text[] NOT NULL DEFAULT '{}' CHECK (cardinality(option_names) <= 3),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (shop_id, handle),
    UNIQUE (shop_id, id)
);

CREATE TABLE catalog.variant (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id    bigint NOT NULL,
    product_id bigint NOT NULL,
    sku        text NOT NULL DEFAULT '' CHECK (length(sku) <= 100),
    barcode    text NOT NULL DEFAULT '' CHECK (length(barcode) <= 100),
    options    text[] NOT NULL DEFAULT '{}' CHECK (cardinality(options) <= 3),
    currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    grams      int NOT NULL DEFAULT 0 CHECK (grams BETWEEN 0 AND 100000000),
    position   int NOT NULL CHECK (position > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (shop_id, product_id) REFERENCES catalog.product (shop_id, id),
    UNIQUE (product_id, options)
);
CREATE INDEX variant_sku ON catalog.variant (shop_id, sku) WHERE sku <> '';

-- Every price a variant ever had.  The one in force is the last whose valid_from has come; what was meant to be
-- in force at once (valid_from <= recorded_at) stays so when the clock is set back.
CREATE TABLE catalog.price (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    variant_id  bigint NOT NULL REFERENCES catalog.variant (id),
    minor       bigint NOT NULL CHECK (minor BETWEEN 0 AND 1000000000000),
    valid_from  timestamptz NOT NULL,
    reason      text NOT NULL DEFAULT '' CHECK (length(reason) <= 200),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX price_in_force ON catalog.price (variant_id, valid_from DESC, id DESC) INCLUDE (minor, recorded_at);

CREATE FUNCTION catalog.keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of prices is append-only';
END $$;
CREATE TRIGGER price_is_append_only BEFORE UPDATE OR DELETE ON catalog.price
    FOR EACH ROW EXECUTE FUNCTION catalog.keep_history();

CREATE TABLE catalog.picture (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id    bigint NOT NULL,
    product_id bigint NOT NULL,
    sha256     text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    width      int NOT NULL CHECK (width > 0),
    height     int NOT NULL CHECK (height > 0),
    alt        text NOT NULL DEFAULT '' CHECK (length(alt) <= 500),
    position   int NOT NULL CHECK (position > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (shop_id, product_id) REFERENCES catalog.product (shop_id, id),
    UNIQUE (product_id, sha256)
);

-- Addresses of pictures named in an imported file.  They are kept for the export and never fetched.
CREATE TABLE catalog.picture_source (
    product_id bigint NOT NULL REFERENCES catalog.product (id),
    url        text NOT NULL CHECK (length(url) <= 2000),
    position   int NOT NULL CHECK (position > 0),
    alt        text NOT NULL DEFAULT '' CHECK (length(alt) <= 500),
    PRIMARY KEY (product_id, url)
);

CREATE VIEW catalog.v_product AS
    SELECT id, shop_id, handle, title, titles, kind, status, option_names FROM catalog.product;

CREATE VIEW catalog.v_variant AS
    SELECT v.id, v.shop_id, v.product_id, v.sku, v.options, p.title, force.minor AS price_minor, v.currency,
           picture.sha256 AS picture_sha, v.position, p.titles, p.handle, p.kind, p.status, p.option_names
      FROM catalog.variant v
      JOIN catalog.product p ON p.id = v.product_id
      CROSS JOIN LATERAL (
          SELECT minor FROM catalog.price
           WHERE variant_id = v.id AND (valid_from <= recorded_at OR valid_from <= now()) ORDER BY valid_from DESC, id DESC LIMIT 1) force
      LEFT JOIN LATERAL (
          SELECT sha256 FROM catalog.picture WHERE product_id = v.product_id ORDER BY position, id LIMIT 1) picture
          ON true;

CREATE VIEW catalog.v_price AS
    SELECT v.shop_id, c.variant_id, c.minor, v.currency, c.valid_from, c.reason
      FROM catalog.price c JOIN catalog.variant v ON v.id = c.variant_id;
