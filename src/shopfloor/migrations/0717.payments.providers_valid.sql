-- Rows from before are looked at in a transaction of its own, which keeps nobody from writing.
ALTER TABLE payments.payment VALIDATE CONSTRAINT payment_state;
ALTER TABLE payments.payment VALIDATE CONSTRAINT payment_connection_in_shop;
