-- A purchase that is checked out together with another one: its goods are among that one's.
ALTER TABLE orders.checkout ADD COLUMN joined_to uuid;
