-- Where an order was sold: 'till' in a store, else in a show or a shop page, which its show says.  `location_id`: the
-- store in which it was sold, paid and handed over.
ALTER TABLE orders.orders ADD COLUMN channel text;
ALTER TABLE orders.orders ADD COLUMN location_id bigint;

-- For the modules above: an order as a till finds it.
CREATE VIEW orders.v_at_counter AS
  SELECT id AS order_id, shop_id, number, channel, location_id, show_id, contact_name, contact_phone, currency, total_minor,
         charged_minor, refund_granted_minor, refunded_minor, status, placed_at
    FROM orders.orders WHERE placed_at IS NOT NULL;
CREATE VIEW orders.v_at_counter_line AS
  SELECT id AS line_id, order_id, position, variant_id, quantity, amount_minor, tax_minor, shipped_quantity, returned_quantity
    FROM orders.line WHERE removed_at IS NULL;
