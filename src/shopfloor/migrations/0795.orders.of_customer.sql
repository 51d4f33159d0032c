-- What of an order concerns who placed it, for the modules above.
CREATE VIEW orders.v_of_customer AS
SELECT id, shop_id, number, buyer, contact_name, contact_email, contact_phone, delivery, address, locale, currency,
       total_minor, charged_minor, refunded_minor, status, payment_status, fulfilment_status, key, placed_at
  FROM orders.orders WHERE placed_at IS NOT NULL;
-- Orders that keep their contact only until they are over.
CREATE VIEW orders.v_erasing AS
SELECT shop_id, unnest(waiting) AS order_id FROM orders.erasure WHERE waiting <> '{}';
-- Who is a customer may ask for it without anybody of the shop.  The previous release writes it, and reads it nowhere.
-- squawk-ignore ban-drop-not-null
ALTER TABLE orders.erasure ALTER COLUMN person_id DROP NOT NULL;
