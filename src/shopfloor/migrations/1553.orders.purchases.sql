-- What became of a purchase, for who asks before its units are given away: the one with which it is checked out (`root`),
-- and its order; an order whose payment was declined is none.
CREATE VIEW orders.v_purchase AS
SELECT c.id, c.shop_id, coalesce(c.joined_to, c.id) AS root, o.id AS order_id, o.status, o.cancelled_by,
       coalesce(o.payment_status <> 'unpaid', false) AS is_paid
  FROM orders.checkout c
  LEFT JOIN orders.orders o
    ON o.checkout_id = coalesce(c.joined_to, c.id) AND o.cancel_why IS DISTINCT FROM 'declined';
