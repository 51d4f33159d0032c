-- What was seen and is foreseen is of shows and goods of one shop.
-- A forecast a show and version: the index of thousands is made within milliseconds.
-- squawk-ignore constraint-missing-not-valid, disallowed-unique-constraint
ALTER TABLE demand.forecast ADD CONSTRAINT forecast_in_shop UNIQUE (shop_id, id);
ALTER TABLE demand.forecast ADD CONSTRAINT forecast_show_in_shop
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id) NOT VALID;
ALTER TABLE demand.observation ADD CONSTRAINT observation_show_in_shop
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id) NOT VALID;
ALTER TABLE demand.observation ADD CONSTRAINT observation_variant_in_shop
    FOREIGN KEY (shop_id, variant_id) REFERENCES catalog.variant (shop_id, id) NOT VALID;
