-- Rows from before are looked at in a transaction of its own, which keeps nobody from writing.
ALTER TABLE orders.line VALIDATE CONSTRAINT line_amount;
ALTER TABLE orders.line VALIDATE CONSTRAINT line_parts;
ALTER TABLE orders.bundle VALIDATE CONSTRAINT bundle_amount;
