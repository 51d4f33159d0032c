-- Parcels that leave in the box of another one: `box_id` names it.
ALTER TABLE fulfilment.parcel ADD COLUMN box_id uuid;
ALTER TABLE fulfilment.parcel
  ADD CONSTRAINT parcel_in_box_of_shop FOREIGN KEY (shop_id, box_id) REFERENCES fulfilment.parcel (shop_id, id) NOT VALID;

CREATE OR REPLACE VIEW fulfilment.v_parcel AS
  SELECT id, shop_id, order_id, order_number, position, hold_id, location_id, show_id, delivery, state, ready_on, carrier,
         tracking, tracking_url, created_at, left_at, arrived_at, box_id
    FROM fulfilment.parcel;
