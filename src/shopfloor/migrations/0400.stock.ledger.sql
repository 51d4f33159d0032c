-- The ledger of stock.  One rule above all: a promise is never broken by another promise.
CREATE SCHEMA stock;

CREATE TYPE stock.location_kind AS ENUM ('warehouse', 'store', 'virtual');
CREATE TYPE stock.pool_kind AS ENUM ('open', 'show', 'till', 'channel');
CREATE TYPE stock.lot_kind AS ENUM ('on_hand', 'incoming', 'makeable');
CREATE TYPE stock.hold_state AS ENUM ('held', 'allocated', 'shipped', 'returned', 'released', 'expired');

CREATE TABLE stock.location (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id bigint NOT NULL,
    name    text NOT NULL,
    kind    stock.location_kind NOT NULL,
    UNIQUE (shop_id, name)
);

-- Whom units are for.  `lender_id`: the pool whose incoming and makeable units may be sold through this one.
-- A shop's open pool is made before any other pool of the shop, so its id is the smallest: locks are taken by
-- falling pool id, the open pool's last.
CREATE TABLE stock.pool (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id     bigint NOT NULL,
    name        text NOT NULL,
    kind        stock.pool_kind NOT NULL,
    show_id     bigint,
    location_id bigint REFERENCES stock.location,
    lender_id   bigint REFERENCES stock.pool,
    is_open     boolean NOT NULL DEFAULT true,
    CHECK ((kind = 'show') = (show_id IS NOT NULL))
);
CREATE UNIQUE INDEX pool_one_open ON stock.pool (shop_id) WHERE kind = 'open';
CREATE UNIQUE INDEX pool_one_per_show ON stock.pool (show_id) WHERE kind = 'show';
CREATE INDEX pool_of_shop ON stock.pool (shop_id);

-- One lot in one pool at one location.  The counters decide; everything else is evidence.
-- Half of each page stays free so that the counters of a hot row are updated in place (HOT).
CREATE TABLE stock.level (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id     bigint NOT NULL,
    variant_id  bigint NOT NULL,
    location_id bigint NOT NULL REFERENCES stock.location,
    pool_id     bigint NOT NULL REFERENCES stock.pool,
    kind        stock.lot_kind NOT NULL,
    ready_on    date,
    source      text NOT NULL DEFAULT '',
    quantity    int NOT NULL DEFAULT 0,
    held        int NOT NULL DEFAULT 0,
    allocated   int NOT NULL DEFAULT 0,
    shortfall   int NOT NULL DEFAULT 0,
    CHECK (quantity >= 0),
    CHECK (held >= 0),
    CHECK (allocated >= 0),
    CHECK (shortfall >= 0),
    CONSTRAINT level_never_oversold CHECK (held + allocated <= quantity + shortfall),
    CHECK ((kind = 'on_hand') = (ready_on IS NULL)),
    UNIQUE (variant_id, pool_id, location_id, source)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX level_of_shop ON stock.level (shop_id, variant_id);

-- Every change of a level, signed; the sums are the levels.  One row per level and batch on the purchase path.
CREATE TABLE stock.movement (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    level_id  bigint NOT NULL,
    kind      text NOT NULL,
    quantity  int NOT NULL DEFAULT 0,
    held      int NOT NULL DEFAULT 0,
    allocated int NOT NULL DEFAULT 0,
    shortfall int NOT NULL DEFAULT 0,
    reason    text NOT NULL DEFAULT ''
);
CREATE INDEX movement_of_level ON stock.movement (level_id, id);

-- What a buyer was granted: one row per level it takes from (a single purchase is one row).
-- The index of buyers costs more than the row itself, so only purchases under a limit enter it; it starts with
-- the pool: the part that a show writes to is as large as that show, not as large as the history of the shop.
CREATE TABLE stock.hold (
    id         uuid NOT NULL,
    part       smallint NOT NULL,
    state      stock.hold_state NOT NULL DEFAULT 'held',
    lot_kind   stock.lot_kind NOT NULL,
    ready_on   date,
    quantity   int NOT NULL CHECK (quantity > 0),
    returned   int NOT NULL DEFAULT 0,
    shop_id    bigint NOT NULL,
    pool_id    bigint NOT NULL,
    level_id   bigint NOT NULL,
    variant_id bigint NOT NULL,
    unit_price bigint NOT NULL,
    offer_id   bigint,
    show_id    bigint,
    limited    boolean NOT NULL,
    buyer      uuid NOT NULL,
    granted_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (id, part),
    CHECK (returned BETWEEN 0 AND quantity)
) WITH (fillfactor = 90);
CREATE INDEX hold_of_buyer ON stock.hold (pool_id, buyer) WHERE limited;

-- When to look at which holds again: one row per batch, instead of an index entry per hold.
CREATE TABLE stock.timer (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    due_at   timestamptz NOT NULL,
    hold_ids uuid[] NOT NULL
);
CREATE INDEX timer_due ON stock.timer (due_at);
ALTER TABLE stock.timer ALTER COLUMN hold_ids SET STORAGE EXTERNAL;

-- Sales that tills report: once per source, however often it is sent.
CREATE TABLE stock.sale (
    shop_id bigint NOT NULL,
    source  text NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shop_id, source)
);

-- What is left for the buyers of a pool, lot by lot, borrowed later units included.
CREATE VIEW stock.v_left AS
SELECT p.shop_id, p.id AS pool_id, p.show_id, l.variant_id, l.id AS level_id, l.location_id, l.kind, l.ready_on,
       greatest(0, l.quantity - l.held - l.allocated) AS left_now
  FROM stock.pool AS p
  JOIN stock.level AS l
    ON l.pool_id = p.id
    OR (l.pool_id = p.lender_id AND l.kind <> 'on_hand' AND (p.location_id IS NULL OR l.location_id = p.location_id))
 WHERE p.is_open;

CREATE VIEW stock.v_level AS
SELECT id, shop_id, variant_id, location_id, pool_id, kind, ready_on, source, quantity, held, allocated, shortfall
  FROM stock.level;

CREATE VIEW stock.v_hold AS
SELECT id, part, state, lot_kind, ready_on, quantity, returned, shop_id, pool_id, level_id, variant_id,
       unit_price, offer_id, show_id, buyer, granted_at, expires_at
  FROM stock.hold;
