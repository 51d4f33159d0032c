-- Whose orders are whose, and which of them need their contact no longer.
CREATE VIEW orders.v_contact AS
  SELECT id, shop_id, number, buyer, contact_email, contact_phone,
         status = 'delivered' OR (status = 'cancelled' AND refund_granted_minor = refunded_minor) AS is_over
    FROM orders.orders WHERE placed_at IS NOT NULL;
