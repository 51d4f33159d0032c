-- Orders placed before: of most nothing changes, and only what changes is written.
UPDATE orders.search s
   SET text = orders.search_text(o.contact_name, o.contact_phone, o.contact_email)
  FROM orders.orders o
 WHERE o.id = s.order_id AND s.text <> orders.search_folded(s.text);
