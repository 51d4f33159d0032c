-- What a day brought in, for lists of orders: without what was never placed.
CREATE VIEW orders.v_taken AS
  SELECT id, shop_id, placed_at, paid_at, cancelled_at, total_minor, shipping_minor, charged_minor, refund_granted_minor
    FROM orders.orders;

CREATE VIEW orders.v_taken_line AS
  SELECT order_id, position, variant_id, quantity, amount_minor FROM orders.line WHERE removed_at IS NULL;

CREATE VIEW orders.v_refund_share AS SELECT order_id, refund, parts FROM orders.refund_share;

CREATE VIEW orders.v_edit_refund AS SELECT order_id, refund FROM orders.edit_refund;
