-- Rows from before are looked at in a transaction of its own, which keeps nobody from writing.
ALTER TABLE payments.event VALIDATE CONSTRAINT event_payment_in_shop;
