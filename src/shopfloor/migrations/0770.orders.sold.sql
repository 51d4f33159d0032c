-- What was bought in which order, newest first by its key: orders of a product are found by their order, and no more of
-- them are read than a page shows.  A bundle stands here as itself and with its parts.
CREATE TABLE orders.sold (
  shop_id    bigint NOT NULL,
  variant_id bigint NOT NULL,
  placed_at  timestamptz NOT NULL,
  order_id   uuid NOT NULL REFERENCES orders.orders,
  PRIMARY KEY (shop_id, variant_id, placed_at, order_id)
);

CREATE FUNCTION orders.keep_sold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders.sold (shop_id, variant_id, placed_at, order_id)
  SELECT NEW.shop_id, variant_id, NEW.placed_at, NEW.id FROM orders.line WHERE order_id = NEW.id
   UNION SELECT NEW.shop_id, variant_id, NEW.placed_at, NEW.id FROM orders.bundle WHERE order_id = NEW.id
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER orders_keep_sold
  AFTER INSERT OR UPDATE OF placed_at ON orders.orders
  FOR EACH ROW WHEN (NEW.placed_at IS NOT NULL) EXECUTE FUNCTION orders.keep_sold();
