ALTER TABLE orders.line VALIDATE CONSTRAINT line_cancelled;
