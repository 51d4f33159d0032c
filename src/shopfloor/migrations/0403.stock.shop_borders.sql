-- Levels and pools stand in locations and pools of their own shop.
-- A shop has a handful of locations: their index is made within milliseconds.
-- squawk-ignore constraint-missing-not-valid, disallowed-unique-constraint
ALTER TABLE stock.location ADD CONSTRAINT location_in_shop UNIQUE (shop_id, id);
-- A pool a show: the index of thousands is made within milliseconds.
-- squawk-ignore constraint-missing-not-valid, disallowed-unique-constraint
ALTER TABLE stock.pool ADD CONSTRAINT pool_in_shop UNIQUE (shop_id, id);
ALTER TABLE stock.pool ADD CONSTRAINT pool_location_in_shop
    FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id) NOT VALID;
ALTER TABLE stock.pool ADD CONSTRAINT pool_lender_in_shop
    FOREIGN KEY (shop_id, lender_id) REFERENCES stock.pool (shop_id, id) NOT VALID;
ALTER TABLE stock.level ADD CONSTRAINT level_location_in_shop
    FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id) NOT VALID;
ALTER TABLE stock.level ADD CONSTRAINT level_pool_in_shop
    FOREIGN KEY (shop_id, pool_id) REFERENCES stock.pool (shop_id, id) NOT VALID;
