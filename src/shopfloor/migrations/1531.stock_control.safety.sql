-- Units at a location that shows, pages and feeds may not sell: what the till and people who come in may have.
CREATE TABLE stock_control.safety (
  shop_id     bigint NOT NULL,
  location_id bigint NOT NULL,
  variant_id  bigint NOT NULL,
  units       int NOT NULL CHECK (units BETWEEN 1 AND 1000000),
  PRIMARY KEY (location_id, variant_id),
  FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id)
);
CREATE INDEX safety_of_shop ON stock_control.safety (shop_id, variant_id, location_id);
