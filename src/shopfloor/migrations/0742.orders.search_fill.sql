-- Orders placed before the trigger was there.  Locks nobody out: rows are added to a table that is filled beside.
INSERT INTO orders.search (order_id, shop_id, placed_at, text)
SELECT id, shop_id, placed_at, orders.search_text(contact_name, contact_phone, contact_email)
  FROM orders.orders WHERE placed_at IS NOT NULL
ON CONFLICT (order_id) DO NOTHING;
