-- Parcels of orders: what is to be picked where, what was packed, and what left.  Whose they are and where they go
-- stands with the order.
CREATE SCHEMA fulfilment;

CREATE TABLE fulfilment.carrier (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id      bigint NOT NULL REFERENCES accounts.shop (id),
  name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  tracking_url text NOT NULL CHECK (length(tracking_url) <= 300),
  UNIQUE (shop_id, id),
  UNIQUE (shop_id, name)
);

CREATE TABLE fulfilment.parcel (
  id           uuid PRIMARY KEY,
  shop_id      bigint NOT NULL REFERENCES accounts.shop (id),
  order_id     uuid NOT NULL,
  order_number bigint NOT NULL,
  position     int NOT NULL CHECK (position > 0),
  hold_id      uuid NOT NULL,
  location_id  bigint NOT NULL,
  show_id      bigint,
  delivery     text NOT NULL CHECK (delivery IN ('ship', 'pick_up')),
  state        text NOT NULL CHECK (state IN ('to_pick', 'picked', 'packed', 'ready_to_collect', 'shipped', 'delivered',
                                              'collected', 'cancelled')),
  ready_on     date,
  carrier      text NOT NULL DEFAULT '' CHECK (length(carrier) <= 60),
  tracking     text NOT NULL DEFAULT '' CHECK (length(tracking) <= 200),
  tracking_url text NOT NULL DEFAULT '' CHECK (length(tracking_url) <= 1000),
  created_at   timestamptz NOT NULL DEFAULT now(),
  picked_at    timestamptz,
  packed_at    timestamptz,
  left_at      timestamptz,
  arrived_at   timestamptz,
  cancelled_at timestamptz,
  UNIQUE (shop_id, id),
  UNIQUE (order_id, position),
  FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id),
  CHECK ((left_at IS NOT NULL) = (state IN ('shipped', 'delivered', 'collected')))
);
-- The to-do list, oldest first.
CREATE INDEX parcel_by_state ON fulfilment.parcel (shop_id, state, id);
CREATE INDEX parcel_by_show ON fulfilment.parcel (show_id, state, id) WHERE show_id IS NOT NULL;
CREATE INDEX parcel_by_number ON fulfilment.parcel (shop_id, order_number);
CREATE INDEX parcel_by_tracking ON fulfilment.parcel (shop_id, tracking) WHERE tracking <> '';

CREATE TABLE fulfilment.parcel_line (
  parcel_id  uuid NOT NULL REFERENCES fulfilment.parcel,
  line_id    bigint NOT NULL,
  variant_id bigint NOT NULL,
  quantity   int NOT NULL CHECK (quantity > 0),
  picked     int NOT NULL DEFAULT 0,
  PRIMARY KEY (parcel_id, line_id),
  CHECK (picked BETWEEN 0 AND quantity)
);
CREATE INDEX parcel_line_of ON fulfilment.parcel_line (line_id);

-- What happened to a parcel and who did it; appended, never changed.
CREATE TABLE fulfilment.parcel_event (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id   bigint NOT NULL,
  parcel_id uuid NOT NULL,
  at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  kind      text NOT NULL,
  actor     text NOT NULL,
  facts     jsonb NOT NULL DEFAULT '{}',
  FOREIGN KEY (shop_id, parcel_id) REFERENCES fulfilment.parcel (shop_id, id)
);
CREATE INDEX parcel_event_of ON fulfilment.parcel_event (parcel_id, id);

CREATE VIEW fulfilment.v_parcel AS
  SELECT id, shop_id, order_id, order_number, position, hold_id, location_id, show_id, delivery, state, ready_on, carrier,
         tracking, tracking_url, created_at, left_at, arrived_at
    FROM fulfilment.parcel;
CREATE VIEW fulfilment.v_parcel_line AS
  SELECT parcel_id, line_id, variant_id, quantity, picked FROM fulfilment.parcel_line;
