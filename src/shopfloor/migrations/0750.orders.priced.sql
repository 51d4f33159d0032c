-- What an order costs, frozen: `calculation` is the answer of the price function, with the name of the delivery.
ALTER TABLE orders.orders ADD COLUMN tax_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE orders.orders ADD COLUMN shipping_name text NOT NULL DEFAULT '';
ALTER TABLE orders.orders ADD COLUMN calculation jsonb;

-- `amount_minor` stays what the buyer pays for a line: less discounts, and with the tax that comes on top.
ALTER TABLE orders.line ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE orders.line ADD COLUMN tax_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE orders.line ADD COLUMN tax_included boolean NOT NULL DEFAULT true;
ALTER TABLE orders.line ADD CONSTRAINT line_amount CHECK (
  amount_minor = unit_price_minor * quantity - discount_minor + CASE WHEN tax_included THEN 0 ELSE tax_minor END
) NOT VALID;
ALTER TABLE orders.line ADD CONSTRAINT line_parts CHECK (
  discount_minor BETWEEN 0 AND unit_price_minor * quantity AND tax_minor BETWEEN 0 AND amount_minor
) NOT VALID;
-- The constraint above says the same of all rows that the release before writes.
-- squawk-ignore ban-drop-constraint
ALTER TABLE orders.line DROP CONSTRAINT line_check;

ALTER TABLE orders.bundle ADD CONSTRAINT bundle_amount CHECK (amount_minor >= 0) NOT VALID;
-- A bundle costs what its lines cost, which the audit holds; with tax and discounts that is no multiple any more.
-- squawk-ignore ban-drop-constraint
ALTER TABLE orders.bundle DROP CONSTRAINT bundle_check;

CREATE TABLE orders.tax_line (
  order_id  uuid NOT NULL REFERENCES orders.orders,
  position  int NOT NULL,
  country   text NOT NULL,
  region    text NOT NULL,
  tax_class text NOT NULL,
  name      text NOT NULL,
  percent   text NOT NULL,
  net_minor bigint NOT NULL CHECK (net_minor >= 0),
  tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
  PRIMARY KEY (order_id, position)
);
