-- Orders by the last nine digits of their telephone number, as their index has them, for the modules above.
CREATE VIEW orders.v_by_phone AS
SELECT id, shop_id, contact_phone, orders.phone_key(contact_phone) AS ending
  FROM orders.orders WHERE placed_at IS NOT NULL AND cancelled_at IS NULL AND contact_phone <> '';
