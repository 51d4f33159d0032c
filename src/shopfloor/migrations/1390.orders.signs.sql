-- What of an order says who else may be behind it, and what became of it, for `integrity`: compared there under a seed
-- that is forgotten, and kept nowhere.  Undone: cancelled or given back whole, but for what the shop could not deliver.
CREATE VIEW orders.v_signs AS
SELECT id AS order_id, shop_id, show_id, buyer::text AS browser,
       nullif(orders.phone_key(contact_phone), '') AS phone, nullif(orders.mail_key(contact_email), '') AS mail,
       CASE WHEN address IS NULL THEN NULL
            ELSE nullif(regexp_replace(lower(concat_ws('|', address ->> 'street', address ->> 'city',
                                                       address ->> 'postcode', address ->> 'country')), '\s+', '', 'g'),
                        '|||') END AS place,
       total_minor, placed_at, paid_at, delivered_at,
       CASE WHEN cancel_why NOT IN ('late', 'sold_out') THEN cancelled_at END AS cancelled_at,
       charged_minor > 0 AND refund_granted_minor >= charged_minor
         AND cancel_why IS DISTINCT FROM 'late' AND cancel_why IS DISTINCT FROM 'sold_out' AS given_back
  FROM orders.orders WHERE placed_at IS NOT NULL;
