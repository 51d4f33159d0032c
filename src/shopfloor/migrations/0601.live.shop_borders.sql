-- A show is filmed by a camera of its own shop.  Rows from before are not looked at.
-- A shop has a handful of cameras: their index is made within milliseconds.
-- squawk-ignore constraint-missing-not-valid, disallowed-unique-constraint
ALTER TABLE media.channel ADD CONSTRAINT channel_in_shop UNIQUE (shop_id, id);
-- A row a show: the index of thousands is made within milliseconds.
-- squawk-ignore constraint-missing-not-valid, disallowed-unique-constraint
ALTER TABLE live.show ADD CONSTRAINT show_in_shop UNIQUE (shop_id, id);
ALTER TABLE live.show ADD CONSTRAINT show_channel_in_shop
    FOREIGN KEY (shop_id, channel_id) REFERENCES media.channel (shop_id, id) NOT VALID;
