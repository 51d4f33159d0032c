-- What is reserved for an order and not charged, as its payments say.
ALTER TABLE orders.orders ADD COLUMN authorised_minor bigint NOT NULL DEFAULT 0;

CREATE OR REPLACE VIEW orders.v_told AS
SELECT id, shop_id, number, buyer, contact_name, contact_email, contact_phone, delivery, address, method, locale, currency,
       goods_minor, shipping_minor, shipping_name, tax_minor, total_minor, first_minor, charged_minor, key, tracking,
       status, payment_status, cancelled_by, cancel_why, cancel_note, payment_due_at, balance_due_at, show_id, placed_at,
       authorised_minor
  FROM orders.orders
 WHERE placed_at IS NOT NULL;
