-- Who ordered before customers were kept.
INSERT INTO customers.customer AS c (id, shop_id, email, name, phone, locale, created_at)
SELECT DISTINCT ON (shop_id, lower(contact_email))
       gen_random_uuid(), shop_id, lower(contact_email), left(contact_name, 120),
       left(regexp_replace(contact_phone, '[^0-9]', '', 'g'), 30), left(locale, 16), placed_at
  FROM orders.v_of_customer
 WHERE contact_email <> '' AND length(contact_email) <= 254
 ORDER BY shop_id, lower(contact_email), placed_at DESC
ON CONFLICT DO NOTHING;

INSERT INTO customers.customer AS c (id, shop_id, name, phone, locale, created_at)
SELECT DISTINCT ON (shop_id, digits) gen_random_uuid(), shop_id, left(contact_name, 120), digits, left(locale, 16), placed_at
  FROM (SELECT shop_id, contact_name, locale, placed_at,
               left(regexp_replace(contact_phone, '[^0-9]', '', 'g'), 30) AS digits
          FROM orders.v_of_customer WHERE contact_email = '') AS o
 WHERE length(digits) >= 6
 ORDER BY shop_id, digits, placed_at DESC
ON CONFLICT DO NOTHING;

INSERT INTO customers.order_of (order_id, shop_id, customer_id, why, joined_at)
SELECT o.id, o.shop_id, c.id, 'contact', now()
  FROM orders.v_of_customer o
  JOIN customers.customer c ON c.shop_id = o.shop_id AND c.email = lower(o.contact_email)
 WHERE o.contact_email <> ''
ON CONFLICT DO NOTHING;

INSERT INTO customers.order_of (order_id, shop_id, customer_id, why, joined_at)
SELECT o.id, o.shop_id, c.id, 'contact', now()
  FROM orders.v_of_customer o
  JOIN customers.customer c
    ON c.shop_id = o.shop_id AND c.email = '' AND c.phone = left(regexp_replace(o.contact_phone, '[^0-9]', '', 'g'), 30)
 WHERE o.contact_email = '' AND o.contact_phone <> ''
ON CONFLICT DO NOTHING;
