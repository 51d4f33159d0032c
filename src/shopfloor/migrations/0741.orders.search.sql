-- What orders are found by.  Beside the order, so that the many changes of an order touch none of it.
CREATE TABLE orders.search (
  order_id  uuid PRIMARY KEY REFERENCES orders.orders,
  shop_id   bigint NOT NULL,
  placed_at timestamptz NOT NULL,
  text      text NOT NULL
);

-- A telephone number as written and as digits alone; a line each, so that nothing is found across two of them.
CREATE FUNCTION orders.search_text(name text, phone text, email text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT lower(name || E'\n' || phone || E'\n' || regexp_replace(phone, '[^0-9]', '', 'g') || E'\n' || email) $$;

-- All pieces of one to three characters, hashed with their shop: a name of two characters is found like a long one.
CREATE FUNCTION orders.search_pieces(shop bigint, text text) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT coalesce(array_agg(DISTINCT hashtextextended(substr(text, at, size), shop)), '{}')
    FROM generate_series(1, length(text)) AS a (at) CROSS JOIN (VALUES (1), (2), (3)) AS s (size)
   WHERE at + size <= length(text) + 1
$$;

-- The pieces that what is looked for must have: its longest.
CREATE FUNCTION orders.search_keys(shop bigint, wanted text) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT array_agg(DISTINCT hashtextextended(substr(lower(wanted), at, least(3, length(lower(wanted)))), shop))
    FROM generate_series(1, greatest(1, length(lower(wanted)) - 2)) AS a (at)
$$;

CREATE INDEX search_newest ON orders.search (shop_id, placed_at DESC, order_id DESC);
CREATE INDEX search_by_pieces ON orders.search USING gin (orders.search_pieces(shop_id, text));

CREATE FUNCTION orders.keep_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders.search AS s (order_id, shop_id, placed_at, text)
  VALUES (NEW.id, NEW.shop_id, NEW.placed_at,
          orders.search_text(NEW.contact_name, NEW.contact_phone, NEW.contact_email))
  ON CONFLICT (order_id) DO UPDATE SET text = excluded.text, placed_at = excluded.placed_at
   WHERE (s.text, s.placed_at) IS DISTINCT FROM (excluded.text, excluded.placed_at);
  RETURN NULL;
END $$;
CREATE TRIGGER orders_keep_search
  AFTER INSERT OR UPDATE OF placed_at, contact_name, contact_phone, contact_email ON orders.orders
  FOR EACH ROW WHEN (NEW.placed_at IS NOT NULL) EXECUTE FUNCTION orders.keep_search();
