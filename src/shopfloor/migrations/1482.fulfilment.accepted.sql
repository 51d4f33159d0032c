-- Who said that they prepare a parcel; and what happened to parcels, for the modules above.
ALTER TABLE fulfilment.parcel ADD COLUMN accepted_at timestamptz;
ALTER TABLE fulfilment.parcel ADD COLUMN accepted_by text NOT NULL DEFAULT '';

CREATE OR REPLACE VIEW fulfilment.v_parcel AS
  SELECT id, shop_id, order_id, order_number, position, hold_id, location_id, show_id, delivery, state, ready_on, carrier,
         tracking, tracking_url, created_at, left_at, arrived_at, box_id, accepted_at, accepted_by
    FROM fulfilment.parcel;
CREATE VIEW fulfilment.v_parcel_event AS SELECT parcel_id, shop_id, at, kind, actor FROM fulfilment.parcel_event;
