-- What a location is to buyers: where it is, when it is open, and whether orders are collected there.
CREATE SCHEMA stores;

-- `hours`: seven lists, Monday first, of [opens, closes] in minutes of the day there.  `ready_minutes`: so long it takes,
-- while it is open, until an order can be collected; `keep_days`: so many days it waits.  `after_keeping`: what happens
-- to an order that nobody collected.
CREATE TABLE stores.store (
  location_id   bigint PRIMARY KEY,
  shop_id       bigint NOT NULL,
  street        text NOT NULL DEFAULT '',
  city          text NOT NULL DEFAULT '',
  postcode      text NOT NULL DEFAULT '',
  region        text NOT NULL DEFAULT '',
  country       text NOT NULL DEFAULT '',
  phone         text NOT NULL DEFAULT '',
  note          text NOT NULL DEFAULT '',
  timezone      text NOT NULL,
  hours         jsonb NOT NULL CHECK (jsonb_array_length(hours) = 7),
  closed_on     date[] NOT NULL DEFAULT '{}',
  collects      boolean NOT NULL DEFAULT false,
  ready_minutes int NOT NULL DEFAULT 120 CHECK (ready_minutes BETWEEN 0 AND 10080),
  keep_days     int NOT NULL DEFAULT 7 CHECK (keep_days BETWEEN 1 AND 90),
  after_keeping text NOT NULL DEFAULT 'release' CHECK (after_keeping IN ('release', 'ask')),
  changed_at    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (shop_id, location_id),
  FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id)
);
