-- What is moderated in a show belongs to the shop of the show.
ALTER TABLE chat.moderation ADD CONSTRAINT moderation_show_in_shop
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id) NOT VALID;
