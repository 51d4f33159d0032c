-- Rows from before are looked at in a transaction of its own, which keeps nobody from writing.
ALTER TABLE stock.pool VALIDATE CONSTRAINT pool_location_in_shop;
ALTER TABLE stock.pool VALIDATE CONSTRAINT pool_lender_in_shop;
ALTER TABLE stock.level VALIDATE CONSTRAINT level_location_in_shop;
ALTER TABLE stock.level VALIDATE CONSTRAINT level_pool_in_shop;
