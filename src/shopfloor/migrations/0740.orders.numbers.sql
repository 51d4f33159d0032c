-- Numbers that people read, per shop: handed out from 32 rows a shop, each with the numbers it gives in steps of 32.
-- Who needs one takes the lowest that nobody else is taking: no order waits for another one's commit, no table or
-- sequence is made while something is sold, and a shop with one order at a time counts 1001, 1002, 1003.
CREATE TABLE orders.numbering (
  shop_id bigint NOT NULL,
  turn    int NOT NULL CHECK (turn BETWEEN 0 AND 31),
  next    bigint NOT NULL,
  PRIMARY KEY (shop_id, turn)
) WITH (fillfactor = 50);

-- A shop has had its sequence; who took a number from it just now may not be seen yet, so some are left out.
DO $$
DECLARE
  known record;
  last  bigint;
BEGIN
  FOR known IN SELECT sequencename, substr(sequencename, 8)::bigint AS shop_id FROM pg_sequences
                WHERE schemaname = 'orders' AND sequencename ~ '^number_[0-9]+$'
  LOOP
    EXECUTE format('SELECT last_value FROM orders.%I', known.sequencename) INTO last;
    INSERT INTO orders.numbering (shop_id, turn, next)
    SELECT known.shop_id, turn, last + 33 + turn FROM generate_series(0, 31) AS t (turn);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION orders.next_number(shop bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  mine  record;
BEGIN
  SELECT turn, next INTO mine FROM orders.numbering WHERE shop_id = shop ORDER BY next LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND AND NOT EXISTS (SELECT FROM orders.numbering WHERE shop_id = shop) THEN
    INSERT INTO orders.numbering (shop_id, turn, next)
    SELECT shop, turn, 1001 + turn FROM generate_series(0, 31) AS t (turn) ON CONFLICT DO NOTHING;
    SELECT turn, next INTO mine FROM orders.numbering WHERE shop_id = shop ORDER BY next LIMIT 1 FOR UPDATE SKIP LOCKED;
  END IF;
  IF mine.turn IS NULL THEN
    -- More than 32 orders of one shop at the same moment: wait for one of them.
    SELECT turn, next INTO mine FROM orders.numbering
     WHERE shop_id = shop AND turn = floor(random() * 32)::int FOR UPDATE;
  END IF;
  UPDATE orders.numbering SET next = next + 32 WHERE shop_id = shop AND turn = mine.turn;
  RETURN mine.next;
END $$;
