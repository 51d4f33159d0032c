-- What happened to money belongs to the shop of the payment it happened to.
-- A row per attempt to be paid: the index is made in no time, and a payment can wait for it.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX payment_of_one_shop ON payments.payment (shop_id, id);
ALTER TABLE payments.event ADD CONSTRAINT event_payment_in_shop
  FOREIGN KEY (shop_id, payment_id) REFERENCES payments.payment (shop_id, id) NOT VALID;
