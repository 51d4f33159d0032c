-- From which location an order leaves: the rules of a shop in their order, what stores can send, and what was decided.
CREATE SCHEMA routing;

-- One row per shop that has ever had rules: who changes them locks it.
CREATE TABLE routing.setup (
  shop_id bigint PRIMARY KEY,
  version int NOT NULL DEFAULT 0
);

CREATE TABLE routing.rule (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id     bigint NOT NULL REFERENCES routing.setup (shop_id),
  rank        int NOT NULL,
  kind        text NOT NULL,
  is_on       boolean NOT NULL,
  location_id bigint,
  place_kind  text CHECK (place_kind IN ('warehouse', 'store')),
  UNIQUE (shop_id, id),
  UNIQUE (shop_id, rank) DEFERRABLE INITIALLY IMMEDIATE,
  FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id)
);

-- What a location sends in a day, and until when, in minutes of its own day.
CREATE TABLE routing.place (
  location_id bigint PRIMARY KEY,
  shop_id     bigint NOT NULL,
  per_day     int CHECK (per_day BETWEEN 0 AND 100000),
  cut_off     int CHECK (cut_off BETWEEN 1 AND 1440),
  UNIQUE (shop_id, location_id),
  FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id)
);

CREATE TABLE routing.change (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id bigint NOT NULL,
  at      timestamptz NOT NULL DEFAULT now(),
  actor   text NOT NULL,
  what    text NOT NULL,
  facts   jsonb NOT NULL,
  UNIQUE (shop_id, id)
);

-- `legs`: from where which units leave, with the rule that decided and what each rule compared.  `trigger`: 'paid', or
-- why it was decided again.
CREATE TABLE routing.decision (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id  bigint NOT NULL,
  order_id uuid NOT NULL,
  at       timestamptz NOT NULL DEFAULT now(),
  trigger  text NOT NULL,
  actor    text NOT NULL DEFAULT '',
  note     text NOT NULL DEFAULT '',
  legs     jsonb NOT NULL,
  UNIQUE (shop_id, id)
);
CREATE INDEX decision_of_order ON routing.decision (order_id, id);
