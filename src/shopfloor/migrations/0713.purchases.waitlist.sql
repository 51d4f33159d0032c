-- How many stand in a waitlist, counted in buckets of turns: 256 turns to a bucket of level 1, 256 of those to one of
-- level 2, and so on.  A place in line is the buckets before it plus a look into its own, however long the line is.
CREATE TABLE purchases.waiting_count (
  shop_id    bigint NOT NULL,
  variant_id bigint NOT NULL,
  level      int NOT NULL,
  bucket     bigint NOT NULL,
  waiting    bigint NOT NULL,
  PRIMARY KEY (shop_id, variant_id, level, bucket)
) WITH (fillfactor = 50);

-- Units in line by the show in which they were asked for (0: outside any show).
CREATE TABLE purchases.waiting_units (
  shop_id    bigint NOT NULL,
  show_id    bigint NOT NULL,
  variant_id bigint NOT NULL,
  units      bigint NOT NULL,
  PRIMARY KEY (shop_id, show_id, variant_id)
) WITH (fillfactor = 50);

-- Counters are changed in one order by everybody, so that two who join several lines do not wait for each other.
CREATE FUNCTION purchases.count_joined() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO purchases.waiting_count AS c (shop_id, variant_id, level, bucket, waiting)
  SELECT shop_id, variant_id, level, turn >> (8 * level), count(*)
    FROM came CROSS JOIN generate_series(1, 5) AS l (level)
   WHERE state = 'waiting' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
  ON CONFLICT (shop_id, variant_id, level, bucket) DO UPDATE SET waiting = c.waiting + excluded.waiting;
  INSERT INTO purchases.waiting_units AS u (shop_id, show_id, variant_id, units)
  SELECT shop_id, coalesce(show_id, 0), variant_id, sum(quantity)
    FROM came WHERE state = 'waiting' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (shop_id, show_id, variant_id) DO UPDATE SET units = u.units + excluded.units;
  RETURN NULL;
END $$;
CREATE TRIGGER waiting_counts_joined AFTER INSERT ON purchases.waiting
  REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION purchases.count_joined();

CREATE FUNCTION purchases.count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO purchases.waiting_count AS c (shop_id, variant_id, level, bucket, waiting)
  SELECT shop_id, variant_id, level, turn >> (8 * level), sum(n)
    FROM (SELECT shop_id, variant_id, turn, 1 AS n FROM is_now WHERE state = 'waiting'
          UNION ALL SELECT shop_id, variant_id, turn, -1 FROM was WHERE state = 'waiting') AS d
   CROSS JOIN generate_series(1, 5) AS l (level)
   GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0 ORDER BY 1, 2, 3, 4
  ON CONFLICT (shop_id, variant_id, level, bucket) DO UPDATE SET waiting = c.waiting + excluded.waiting;
  INSERT INTO purchases.waiting_units AS u (shop_id, show_id, variant_id, units)
  SELECT shop_id, show_id, variant_id, sum(n)
    FROM (SELECT shop_id, coalesce(show_id, 0) AS show_id, variant_id, quantity AS n FROM is_now WHERE state = 'waiting'
          UNION ALL
          SELECT shop_id, coalesce(show_id, 0), variant_id, -quantity FROM was WHERE state = 'waiting') AS d
   GROUP BY 1, 2, 3 HAVING sum(n) <> 0 ORDER BY 1, 2, 3
  ON CONFLICT (shop_id, show_id, variant_id) DO UPDATE SET units = u.units + excluded.units;
  RETURN NULL;
END $$;
CREATE TRIGGER waiting_counts_changed AFTER UPDATE ON purchases.waiting
  REFERENCING OLD TABLE AS was NEW TABLE AS is_now FOR EACH STATEMENT EXECUTE FUNCTION purchases.count_changed();

INSERT INTO purchases.waiting_count (shop_id, variant_id, level, bucket, waiting)
SELECT shop_id, variant_id, level, turn >> (8 * level), count(*)
  FROM purchases.waiting CROSS JOIN generate_series(1, 5) AS l (level)
 WHERE state = 'waiting' GROUP BY 1, 2, 3, 4;
INSERT INTO purchases.waiting_units (shop_id, show_id, variant_id, units)
SELECT shop_id, coalesce(show_id, 0), variant_id, sum(quantity)
  FROM purchases.waiting WHERE state = 'waiting' GROUP BY 1, 2, 3;
