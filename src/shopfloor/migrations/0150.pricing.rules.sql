-- What a shop adds to its prices: tax, and the ways of delivery.  A shop without rows has neither.
CREATE SCHEMA pricing;

-- `code` stands in products and rates; a product without one is taxed as `standard`, and `none` is never taxed.
CREATE TABLE pricing.tax_class (
    shop_id bigint NOT NULL REFERENCES accounts.shop (id),
    code    text NOT NULL CHECK (code ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    name    text NOT NULL CHECK (length(name) <= 100),
    PRIMARY KEY (shop_id, code)
);

CREATE TABLE pricing.tax_settings (
    shop_id        bigint PRIMARY KEY REFERENCES accounts.shop (id),
    included       boolean NOT NULL,
    rounding       text NOT NULL CHECK (rounding IN ('line', 'order')),
    place          text NOT NULL CHECK (place IN ('destination', 'origin')),
    origin_country text NOT NULL CHECK (origin_country ~ '^[A-Z]{2}$'),
    origin_region  text NOT NULL CHECK (length(origin_region) <= 100),
    shipping_class text,
    tax_number     text NOT NULL CHECK (length(tax_number) <= 30),
    FOREIGN KEY (shop_id, shipping_class) REFERENCES pricing.tax_class (shop_id, code)
);

-- Lists that are empty stand for all of the country; `percent` as it was written, for it is shown so.
CREATE TABLE pricing.tax_rate (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id     bigint NOT NULL,
    country     text NOT NULL CHECK (country ~ '^([A-Z]{2}|\*)$'),
    regions     text[] NOT NULL CHECK (cardinality(regions) <= 20),
    postcodes   text[] NOT NULL CHECK (cardinality(postcodes) <= 200),
    tax_class   text NOT NULL,
    name        text NOT NULL CHECK (length(name) <= 40),
    percent     text NOT NULL CHECK (percent ~ '^[0-9]{1,4}(\.[0-9]{1,6})?$'),
    valid_from  date,
    valid_until date,
    adds        boolean NOT NULL,
    UNIQUE (shop_id, id),
    FOREIGN KEY (shop_id, tax_class) REFERENCES pricing.tax_class (shop_id, code),
    CHECK (valid_until >= valid_from)
);

-- The first zone by position that has the destination is its zone.
CREATE TABLE pricing.zone (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id          bigint NOT NULL REFERENCES accounts.shop (id),
    position         int NOT NULL,
    name             text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    countries        text[] NOT NULL CHECK (cardinality(countries) BETWEEN 1 AND 300),
    regions          text[] NOT NULL CHECK (cardinality(regions) <= 200),
    postcodes        text[] NOT NULL CHECK (cardinality(postcodes) <= 1000),
    except_regions   text[] NOT NULL CHECK (cardinality(except_regions) <= 200),
    except_postcodes text[] NOT NULL CHECK (cardinality(except_postcodes) <= 1000),
    UNIQUE (shop_id, id)
);

-- `steps`: [{"up_to": grams or minor units or null, "amount": minor units}], ascending.
CREATE TABLE pricing.method (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id         bigint NOT NULL REFERENCES accounts.shop (id),
    position        int NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('ship', 'local', 'pick_up')),
    zone_id         bigint,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    note            text NOT NULL CHECK (length(note) <= 2000),
    price_by        text NOT NULL CHECK (price_by IN ('flat', 'weight', 'value')),
    amount_minor    bigint NOT NULL CHECK (amount_minor BETWEEN 0 AND 1000000000000),
    steps           jsonb NOT NULL CHECK (jsonb_typeof(steps) = 'array'),
    free_from_minor bigint CHECK (free_from_minor BETWEEN 0 AND 1000000000000),
    country         text NOT NULL CHECK (country ~ '^([A-Z]{2})?$'),
    region          text NOT NULL CHECK (length(region) <= 100),
    postcodes       text[] NOT NULL CHECK (cardinality(postcodes) <= 1000),
    UNIQUE (shop_id, id),
    FOREIGN KEY (shop_id, zone_id) REFERENCES pricing.zone (shop_id, id),
    CHECK ((kind = 'ship') = (zone_id IS NOT NULL)),
    CHECK (kind <> 'local' OR (country <> '' AND cardinality(postcodes) > 0)),
    CHECK (price_by = 'flat' OR jsonb_array_length(steps) > 0)
);
CREATE INDEX tax_rate_of_shop ON pricing.tax_rate (shop_id, tax_class);
CREATE INDEX method_of_zone ON pricing.method (shop_id, zone_id);
