-- An order is named together with its shop.
ALTER TABLE notifications.notice ADD CONSTRAINT notice_order_in_shop
    FOREIGN KEY (shop_id, order_id) REFERENCES orders.orders (shop_id, id) NOT VALID;
ALTER TABLE notifications.sms_wanted ADD CONSTRAINT sms_wanted_order_in_shop
    FOREIGN KEY (shop_id, order_id) REFERENCES orders.orders (shop_id, id) NOT VALID;
