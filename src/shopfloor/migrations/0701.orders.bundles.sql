-- Bundles of a purchase, frozen like its items.
ALTER TABLE orders.checkout ADD COLUMN bundles jsonb NOT NULL DEFAULT '[]';

-- A bundle as its buyer saw it: one name, one price.  Its units are the lines that name it.
CREATE TABLE orders.bundle (
  order_id         uuid NOT NULL REFERENCES orders.orders,
  bundle_id        bigint NOT NULL,
  variant_id       bigint NOT NULL,
  product_id       bigint NOT NULL,
  title            text NOT NULL,
  sku              text NOT NULL,
  options          text[] NOT NULL,
  picture_sha      text,
  quantity         int NOT NULL CHECK (quantity > 0),
  unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
  amount_minor     bigint NOT NULL,
  PRIMARY KEY (order_id, bundle_id),
  CHECK (amount_minor = unit_price_minor * quantity)
);

ALTER TABLE orders.line ADD COLUMN bundle_id bigint;
ALTER TABLE orders.line ADD FOREIGN KEY (order_id, bundle_id) REFERENCES orders.bundle;
