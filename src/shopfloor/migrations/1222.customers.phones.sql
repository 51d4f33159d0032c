-- A telephone number that its owner has proved with a code, in full (E.164).
ALTER TABLE customers.customer ADD COLUMN proven_phone text;
ALTER TABLE customers.customer ADD COLUMN phone_proven_at timestamptz;

-- Codes that were asked for to change an account's address or number: whose it is.
CREATE TABLE customers.contact_change (
  code_id     uuid PRIMARY KEY REFERENCES customers.code (id) ON DELETE CASCADE,
  shop_id     bigint NOT NULL,
  customer_id uuid NOT NULL,
  FOREIGN KEY (shop_id, customer_id) REFERENCES customers.customer (shop_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_change_of_customer ON customers.contact_change (shop_id, customer_id);
