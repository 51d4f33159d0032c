-- Whether goods are about to leave whose money has gone back, or is disputed.
CREATE OR REPLACE VIEW orders.v_recipient AS
  SELECT id AS order_id, shop_id, contact_name, contact_phone, contact_email, address, note, locale, delivery, shipping_name,
         charged_minor >= total_minor AS paid,
         CASE WHEN disputed_minor > 0 THEN 'disputed'
              WHEN charged_minor > 0 AND refund_granted_minor >= charged_minor THEN 'refunded'
              ELSE '' END AS money_back
    FROM orders.orders WHERE placed_at IS NOT NULL;
