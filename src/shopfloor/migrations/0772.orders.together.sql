-- Orders that leave in the parcel of an earlier one ask no second shipping.
ALTER TABLE orders.orders ADD COLUMN joins_order_id uuid;
-- How long an order waits for others of the same buyer: hours from the end of its show, or without one from its placing.
-- Added with its default at once; the table has a row for each shop.
ALTER TABLE orders.policy ADD COLUMN together_hours int NOT NULL DEFAULT 24
  CONSTRAINT together_hours_in_range CHECK (together_hours BETWEEN 0 AND 720);
