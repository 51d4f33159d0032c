-- A basket of a show that is to be paid after it, as its buyer was told: the `key` in the message leads to it from
-- another browser, `opened_by`.
CREATE TABLE customers.basket (
  shop_id    bigint NOT NULL,
  show_id    bigint NOT NULL,
  buyer      uuid NOT NULL,
  key        text NOT NULL UNIQUE CHECK (length(key) BETWEEN 20 AND 60),
  opened_by  uuid,
  until      timestamptz NOT NULL,
  PRIMARY KEY (shop_id, show_id, buyer),
  FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id)
);
CREATE INDEX basket_opened_by ON customers.basket (shop_id, opened_by) WHERE opened_by IS NOT NULL;
CREATE INDEX basket_until ON customers.basket (until);
