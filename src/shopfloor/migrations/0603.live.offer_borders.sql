-- Offers are of the shop of their show, and of products and variants of that shop.  The shop stands in the row, so
-- that a key can say so; a trigger writes it, for it is never anything but the show's, and the previous release does
-- not know the column.
ALTER TABLE live.offer ADD COLUMN shop_id bigint;
ALTER TABLE live.offer_line ADD COLUMN shop_id bigint;

CREATE FUNCTION live.know_shop_of_offer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.shop_id := (SELECT shop_id FROM live.show WHERE id = NEW.show_id);
    RETURN NEW;
END $$;
CREATE TRIGGER offer_knows_its_shop BEFORE INSERT OR UPDATE OF show_id, shop_id ON live.offer
    FOR EACH ROW EXECUTE FUNCTION live.know_shop_of_offer();
CREATE FUNCTION live.know_shop_of_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.shop_id := (SELECT shop_id FROM live.offer WHERE id = NEW.offer_id);
    RETURN NEW;
END $$;
CREATE TRIGGER line_knows_its_shop BEFORE INSERT OR UPDATE OF offer_id, shop_id ON live.offer_line
    FOR EACH ROW EXECUTE FUNCTION live.know_shop_of_line();

-- The triggers write the shop.
UPDATE live.offer SET shop_id = NULL;
UPDATE live.offer_line SET shop_id = NULL;

-- An offer a product and show: the indexes of thousands are made within milliseconds.
-- squawk-ignore constraint-missing-not-valid, disallowed-unique-constraint
ALTER TABLE live.offer ADD CONSTRAINT offer_in_show UNIQUE (show_id, id);
-- An offer a product and show: the indexes of thousands are made within milliseconds.
-- squawk-ignore constraint-missing-not-valid, disallowed-unique-constraint
ALTER TABLE live.offer ADD CONSTRAINT offer_in_shop UNIQUE (shop_id, id);
ALTER TABLE live.show ADD CONSTRAINT show_pool_in_shop
    FOREIGN KEY (shop_id, pool_id) REFERENCES stock.pool (shop_id, id) NOT VALID;
ALTER TABLE live.offer ADD CONSTRAINT offer_show_in_shop
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id) NOT VALID;
ALTER TABLE live.offer ADD CONSTRAINT offer_product_in_shop
    FOREIGN KEY (shop_id, product_id) REFERENCES catalog.product (shop_id, id) NOT VALID;
ALTER TABLE live.offer_line ADD CONSTRAINT line_offer_in_shop
    FOREIGN KEY (shop_id, offer_id) REFERENCES live.offer (shop_id, id) NOT VALID;
ALTER TABLE live.offer_line ADD CONSTRAINT line_variant_in_shop
    FOREIGN KEY (shop_id, variant_id) REFERENCES catalog.variant (shop_id, id) NOT VALID;
-- What is planned, shown and said about an offer is in the show of the offer.
ALTER TABLE live.slot ADD CONSTRAINT slot_offer_in_show
    FOREIGN KEY (show_id, offer_id) REFERENCES live.offer (show_id, id) NOT VALID;
ALTER TABLE live.explained ADD CONSTRAINT explained_offer_in_show
    FOREIGN KEY (show_id, offer_id) REFERENCES live.offer (show_id, id) NOT VALID;
ALTER TABLE live.notice ADD CONSTRAINT notice_offer_in_show
    FOREIGN KEY (show_id, offer_id) REFERENCES live.offer (show_id, id) NOT VALID;
