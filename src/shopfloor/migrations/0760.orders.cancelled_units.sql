-- Units of a line that could not be found and were given up: neither shipped nor awaited.
ALTER TABLE orders.line ADD COLUMN cancelled_quantity int NOT NULL DEFAULT 0;
ALTER TABLE orders.line ADD CONSTRAINT line_cancelled CHECK (
  cancelled_quantity >= 0 AND shipped_quantity + cancelled_quantity <= quantity
) NOT VALID;

-- For the modules above: what a parcel is made of, and where it goes.
CREATE VIEW orders.v_goods AS
  SELECT id AS line_id, order_id, position, variant_id, product_id, title, sku, options, picture_sha FROM orders.line;
CREATE VIEW orders.v_recipient AS
  SELECT id AS order_id, shop_id, contact_name, contact_phone, contact_email, address, note, locale, delivery, shipping_name,
         charged_minor >= total_minor AS paid
    FROM orders.orders WHERE placed_at IS NOT NULL;
