-- An order is named together with its shop.
ALTER TABLE returns."return" ADD CONSTRAINT return_order_in_shop
    FOREIGN KEY (shop_id, order_id) REFERENCES orders.orders (shop_id, id) NOT VALID;
ALTER TABLE returns.units ADD CONSTRAINT units_order_in_shop
    FOREIGN KEY (shop_id, order_id) REFERENCES orders.orders (shop_id, id) NOT VALID;
ALTER TABLE returns.exchange ADD CONSTRAINT exchange_order_in_shop
    FOREIGN KEY (shop_id, order_id) REFERENCES orders.orders (shop_id, id) NOT VALID;
