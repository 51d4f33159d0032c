-- Orders placed before the trigger was there.  Locks nobody out: rows are added to a table that is filled beside.
INSERT INTO orders.sold (shop_id, variant_id, placed_at, order_id)
SELECT o.shop_id, l.variant_id, o.placed_at, o.id
  FROM orders.orders o JOIN orders.line l ON l.order_id = o.id WHERE o.placed_at IS NOT NULL
 UNION
SELECT o.shop_id, b.variant_id, o.placed_at, o.id
  FROM orders.orders o JOIN orders.bundle b ON b.order_id = o.id WHERE o.placed_at IS NOT NULL
ON CONFLICT DO NOTHING;
