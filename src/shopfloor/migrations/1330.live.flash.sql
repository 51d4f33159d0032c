-- An offer at a lower price for so many units and seconds.  `pool_id`: where the rest of the show's units waits for its
-- end; `reference_days`: of how many days the prices that are struck through are the lowest.
CREATE TABLE live.flash (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id        bigint NOT NULL,
    show_id        bigint NOT NULL,
    offer_id       bigint NOT NULL,
    pool_id        bigint NOT NULL,
    price_minor    bigint NOT NULL CHECK (price_minor BETWEEN 0 AND 1000000000000),
    currency       text NOT NULL,
    units          int NOT NULL CHECK (units BETWEEN 1 AND 1000000),
    seconds        int NOT NULL CHECK (seconds BETWEEN 10 AND 3600),
    began_at       timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL,
    began_video    bigint NOT NULL,
    ended_at       timestamptz,
    ended_video    bigint,
    ended_by       text CHECK (ended_by IN ('time', 'sold_out', 'stopped', 'show_ended')),
    by_person      bigint,
    reference_days int NOT NULL,
    CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CHECK ((ended_at IS NULL) = (ended_video IS NULL)),
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id),
    FOREIGN KEY (show_id, offer_id) REFERENCES live.offer (show_id, id),
    FOREIGN KEY (shop_id, pool_id) REFERENCES stock.pool (shop_id, id)
);
-- An offer has one flash at a time, whoever starts it.
CREATE UNIQUE INDEX flash_running ON live.flash (offer_id) WHERE ended_at IS NULL;
CREATE INDEX flash_of_show ON live.flash (show_id, id);

-- A variant in a flash: its share of the units, its price before, and what that may be shown against.
CREATE TABLE live.flash_line (
    flash_id     bigint NOT NULL REFERENCES live.flash,
    variant_id   bigint NOT NULL,
    units        int NOT NULL CHECK (units >= 0),
    before_minor bigint NOT NULL,
    struck_minor bigint,
    PRIMARY KEY (flash_id, variant_id)
);
