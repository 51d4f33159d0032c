-- What a shop says about itself, and its legal texts; in each of its languages.
CREATE SCHEMA brand;

CREATE TABLE brand.text (
    shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
    kind       text NOT NULL CHECK (kind IN ('about', 'imprint', 'terms', 'privacy')),
    locale     text NOT NULL CHECK (locale ~ '^[a-z]{2,3}(_[A-Z][a-z]{3})?(_[A-Z]{2})?$'),
    text       text NOT NULL CHECK (length(text) BETWEEN 1 AND 50000),
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shop_id, kind, locale)
);
