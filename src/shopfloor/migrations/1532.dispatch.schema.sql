-- What stores send: until when somebody there has to take an order on, and what nobody took on and no other location has.
ALTER TABLE routing.place ADD COLUMN accept_hours int CHECK (accept_hours BETWEEN 1 AND 720);

CREATE SCHEMA dispatch;

CREATE TABLE dispatch.stuck (
  parcel_id   uuid PRIMARY KEY,
  shop_id     bigint NOT NULL,
  order_id    uuid NOT NULL,
  location_id bigint NOT NULL,
  why         text NOT NULL CHECK (why IN ('passed_on', 'short', 'not_accepted')),
  note        text NOT NULL DEFAULT '',
  at          timestamptz NOT NULL DEFAULT now(),
  UNIQUE (shop_id, parcel_id),
  FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id)
);

CREATE VIEW routing.v_place AS SELECT location_id, shop_id, per_day, cut_off, accept_hours FROM routing.place;
