-- What messages about an order say of it, for the modules above.
CREATE VIEW orders.v_told AS
SELECT id, shop_id, number, buyer, contact_name, contact_email, contact_phone, delivery, address, method, locale, currency,
       goods_minor, shipping_minor, shipping_name, tax_minor, total_minor, first_minor, charged_minor, key, tracking,
       status, payment_status, cancelled_by, cancel_why, cancel_note, payment_due_at, balance_due_at, show_id, placed_at
  FROM orders.orders
 WHERE placed_at IS NOT NULL;

CREATE VIEW orders.v_told_line AS
SELECT id, order_id, position, product_id, variant_id, title, options, quantity, bundle_id,
       CASE WHEN tax_included THEN amount_minor ELSE amount_minor - tax_minor END AS listed_minor,
       ready_on, ready_at, delayed_to, delay_accepted
  FROM orders.line;

CREATE VIEW orders.v_told_bundle AS
SELECT bundle_id, order_id, product_id, title, options, quantity, amount_minor FROM orders.bundle;
