-- Rows from before are looked at in a transaction of its own, which keeps nobody from writing.
ALTER TABLE live.show VALIDATE CONSTRAINT show_channel_in_shop;
ALTER TABLE live.show VALIDATE CONSTRAINT show_pool_in_shop;
ALTER TABLE live.offer VALIDATE CONSTRAINT offer_show_in_shop;
ALTER TABLE live.offer VALIDATE CONSTRAINT offer_product_in_shop;
ALTER TABLE live.offer_line VALIDATE CONSTRAINT line_offer_in_shop;
ALTER TABLE live.offer_line VALIDATE CONSTRAINT line_variant_in_shop;
ALTER TABLE live.slot VALIDATE CONSTRAINT slot_offer_in_show;
ALTER TABLE live.explained VALIDATE CONSTRAINT explained_offer_in_show;
ALTER TABLE live.notice VALIDATE CONSTRAINT notice_offer_in_show;
