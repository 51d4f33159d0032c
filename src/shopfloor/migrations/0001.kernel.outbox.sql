-- Facts, written in the transaction of the change they report.
CREATE SCHEMA kernel;

CREATE TABLE kernel.outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fact_id     uuid NOT NULL,
    position    bigint,
    shop_id     bigint NOT NULL,
    name        text NOT NULL,
    body        json NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Bodies of batches are large and read back whole: parsing them into jsonb and compressing them took longer
-- than writing the holds they tell about.
ALTER TABLE kernel.outbox ALTER COLUMN body SET STORAGE EXTERNAL;

-- What has no position yet: at most what was committed since the last look.
CREATE INDEX outbox_unplaced ON kernel.outbox (id) WHERE position IS NULL;
CREATE UNIQUE INDEX outbox_position ON kernel.outbox (position) WHERE position IS NOT NULL;

CREATE TABLE kernel.consumer (
    name       text PRIMARY KEY,
    position   bigint NOT NULL DEFAULT 0,
    attempts   int NOT NULL DEFAULT 0,
    last_error text,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- A fact that a consumer could not take after many tries: set aside, so that the others go on.
CREATE TABLE kernel.parked (
    consumer  text NOT NULL REFERENCES kernel.consumer (name),
    fact_id   uuid NOT NULL,
    position  bigint NOT NULL,
    error     text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, fact_id)
);
