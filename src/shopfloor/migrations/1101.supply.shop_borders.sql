-- Plans and purchase orders are for shows and locations of one shop.
-- A plan a show and version: the index of thousands is made within milliseconds.
-- squawk-ignore constraint-missing-not-valid, disallowed-unique-constraint
ALTER TABLE supply.plan ADD CONSTRAINT plan_in_shop UNIQUE (shop_id, id);
ALTER TABLE supply.plan ADD CONSTRAINT plan_show_in_shop
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id) NOT VALID;
ALTER TABLE supply.plan ADD CONSTRAINT plan_forecast_in_shop
    FOREIGN KEY (shop_id, forecast_id) REFERENCES demand.forecast (shop_id, id) NOT VALID;
ALTER TABLE supply.plan ADD CONSTRAINT plan_location_in_shop
    FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id) NOT VALID;
ALTER TABLE supply.purchase_order ADD CONSTRAINT purchase_order_plan_in_shop
    FOREIGN KEY (shop_id, plan_id) REFERENCES supply.plan (shop_id, id) NOT VALID;
ALTER TABLE supply.purchase_order ADD CONSTRAINT purchase_order_show_in_shop
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id) NOT VALID;
ALTER TABLE supply.purchase_order ADD CONSTRAINT purchase_order_location_in_shop
    FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id) NOT VALID;
