-- What a camera recorded belongs to the shop of the camera.
ALTER TABLE media.run ADD CONSTRAINT run_channel_in_shop
    FOREIGN KEY (shop_id, channel_id) REFERENCES media.channel (shop_id, id) NOT VALID;
