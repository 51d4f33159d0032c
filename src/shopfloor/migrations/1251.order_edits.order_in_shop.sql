-- An order is named together with its shop.
ALTER TABLE order_edits.edit ADD CONSTRAINT edit_order_in_shop
    FOREIGN KEY (shop_id, order_id) REFERENCES orders.orders (shop_id, id) NOT VALID;
