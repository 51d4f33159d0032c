-- Where buyers are told to send money, beside the bank details: which text it is.
ALTER TABLE orders.pay_to_change ADD COLUMN place text NOT NULL DEFAULT 'pay_to';
