-- What one buyer may have of an offer that has no limit of its own; without a row the default of
-- purchases.MOST_PER_BUYER.
CREATE TABLE purchases.most_per_buyer (
  shop_id bigint PRIMARY KEY,
  units   int NOT NULL CHECK (units BETWEEN 1 AND 999)
);
