-- What shows have seen, and what is foreseen from it.
CREATE SCHEMA demand;

-- What one show saw of one variant, as the latest forecast of that show took it: the history of later shows.
CREATE TABLE demand.observation (
    shop_id    bigint NOT NULL,
    show_id    bigint NOT NULL,
    variant_id bigint NOT NULL,
    product_id bigint NOT NULL,
    units      int NOT NULL CHECK (units >= 0),
    exposure   double precision NOT NULL CHECK (exposure >= 0 AND exposure < 'infinity'),
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (show_id, variant_id)
);
CREATE INDEX observation_of_shop ON demand.observation (shop_id, seen_at DESC);

-- One row per version; a version is never changed.
CREATE TABLE demand.forecast (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id bigint NOT NULL,
    show_id bigint NOT NULL,
    version int NOT NULL CHECK (version > 0),
    as_of   timestamptz NOT NULL,
    horizon double precision NOT NULL CHECK (horizon > 0),
    UNIQUE (show_id, version)
);
CREATE INDEX forecast_of_shop ON demand.forecast (shop_id, as_of DESC);

CREATE TABLE demand.line (
    forecast_id   bigint NOT NULL REFERENCES demand.forecast,
    position      int NOT NULL,
    variant_id    bigint NOT NULL,
    product_id    bigint NOT NULL,
    mean          double precision NOT NULL CHECK (mean >= 0),
    low           int NOT NULL,
    high          int NOT NULL,
    points        int[] NOT NULL CHECK (cardinality(points) = 40),
    hard          int NOT NULL CHECK (hard >= 0),
    rate_per_hour double precision NOT NULL,
    exposure      double precision NOT NULL,
    identifiable  boolean NOT NULL,
    reason        text,
    evidence      jsonb NOT NULL,
    PRIMARY KEY (forecast_id, variant_id),
    CHECK (low BETWEEN 0 AND high),
    CHECK (identifiable = (reason IS NULL))
);

CREATE VIEW demand.v_line AS
SELECT f.shop_id, f.show_id, f.version, f.as_of, l.forecast_id, l.variant_id, l.product_id, l.mean, l.low, l.high,
       l.hard, l.identifiable, l.reason
  FROM demand.forecast AS f JOIN demand.line AS l ON l.forecast_id = f.id;
