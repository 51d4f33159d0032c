-- What lists of orders, their search and their export read.
CREATE VIEW orders.v_listed AS
  SELECT id, shop_id, number, show_id, status, payment_status, fulfilment_status, contact_name, contact_phone,
         contact_email, delivery, address, method, note, currency, shipping_minor, total_minor, tax_minor, charged_minor,
         refund_granted_minor, refunded_minor, shipping_name, tracking, placed_at, paid_at, shipped_at, cancelled_at
    FROM orders.orders;

CREATE VIEW orders.v_listed_line AS
  SELECT order_id, position, bundle_id, title, sku, options, quantity, unit_price_minor, amount_minor, discount_minor,
         tax_minor, tax_included, ready_on, ready_at, delayed_to, delay_accepted, shipped_quantity, returned_quantity
    FROM orders.line WHERE removed_at IS NULL;

CREATE VIEW orders.v_listed_bundle AS SELECT order_id, bundle_id, title FROM orders.bundle;

CREATE VIEW orders.v_search AS SELECT order_id, shop_id, placed_at, text FROM orders.search;

CREATE VIEW orders.v_sold AS SELECT shop_id, variant_id, placed_at, order_id FROM orders.sold;
