-- When a variant runs low at a location: at so many units that can be sold there, or fewer.
CREATE TABLE stock_control.threshold (
  shop_id     bigint NOT NULL,
  location_id bigint NOT NULL,
  variant_id  bigint NOT NULL,
  units       int NOT NULL CHECK (units BETWEEN 0 AND 1000000),
  has         int NOT NULL DEFAULT 0,
  low_since   timestamptz,
  PRIMARY KEY (location_id, variant_id),
  FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id)
);
CREATE INDEX threshold_of_shop ON stock_control.threshold (shop_id, (low_since IS NULL), variant_id, location_id);
