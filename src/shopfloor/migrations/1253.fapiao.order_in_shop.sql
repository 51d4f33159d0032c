-- An order is named together with its shop.
ALTER TABLE fapiao.request ADD CONSTRAINT request_order_in_shop
    FOREIGN KEY (shop_id, order_id) REFERENCES orders.orders (shop_id, id) NOT VALID;
ALTER TABLE fapiao.code ADD CONSTRAINT code_order_in_shop
    FOREIGN KEY (shop_id, order_id) REFERENCES orders.orders (shop_id, id) NOT VALID;
