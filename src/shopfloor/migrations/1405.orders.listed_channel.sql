-- Lists of orders tell what was sold at tills from what was sold on pages.
CREATE OR REPLACE VIEW orders.v_listed AS
  SELECT id, shop_id, number, show_id, status, payment_status, fulfilment_status, contact_name, contact_phone,
         contact_email, delivery, address, method, note, currency, shipping_minor, total_minor, tax_minor, charged_minor,
         refund_granted_minor, refunded_minor, shipping_name, tracking, placed_at, paid_at, shipped_at, cancelled_at, channel
    FROM orders.orders;
