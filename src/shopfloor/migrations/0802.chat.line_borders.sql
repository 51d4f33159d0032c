-- What is said in a show is said in the shop of the show.
ALTER TABLE chat.line ADD CONSTRAINT line_show_in_shop
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id) NOT VALID;
