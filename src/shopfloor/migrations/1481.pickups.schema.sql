-- Parcels that wait for their buyers in stores, and who handed them over to whom on which proof.
CREATE SCHEMA pickups;

-- `code`: what the buyer shows; that of all parcels of an order.  `tries`: wrong codes so far.  `proof`: 'code', 'name'
-- (name and order number, with a reason), or 'none' where it was handed over on another page.
CREATE TABLE pickups.pickup (
  parcel_id     uuid PRIMARY KEY,
  shop_id       bigint NOT NULL,
  order_id      uuid NOT NULL,
  location_id   bigint NOT NULL,
  code          text NOT NULL,
  state         text NOT NULL CHECK (state IN ('ready', 'handed_over', 'released', 'withdrawn')),
  ready_at      timestamptz NOT NULL,
  keep_until    timestamptz NOT NULL,
  reminded_at   timestamptz,
  overdue_at    timestamptz,
  tries         int NOT NULL DEFAULT 0,
  ended_at      timestamptz,
  ended_by      text NOT NULL DEFAULT '',
  proof         text CHECK (proof IN ('code', 'name', 'none')),
  note          text NOT NULL DEFAULT '',
  UNIQUE (shop_id, parcel_id),
  CHECK ((state = 'handed_over') = (proof IS NOT NULL)),
  FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id)
);
CREATE INDEX pickup_of_order ON pickups.pickup (order_id);
CREATE INDEX pickup_at_store ON pickups.pickup (location_id, state, keep_until);
CREATE INDEX pickup_by_code ON pickups.pickup (shop_id, code) WHERE state = 'ready';
CREATE INDEX pickup_waiting ON pickups.pickup (keep_until) WHERE state = 'ready';
CREATE INDEX pickup_ended ON pickups.pickup (location_id, ended_at DESC) WHERE state = 'handed_over';
