-- Pay at the end: so many minutes after a show, so many unpaid units of one buyer; without minutes buyers pay as they go.
-- Added with its default at once; the table has a row for each shop.
ALTER TABLE orders.policy ADD COLUMN pay_after_minutes int
  CONSTRAINT pay_after_minutes_in_range CHECK (pay_after_minutes BETWEEN 5 AND 1440);
ALTER TABLE orders.policy ADD COLUMN unpaid_units int NOT NULL DEFAULT 10
  CONSTRAINT unpaid_units_in_range CHECK (unpaid_units BETWEEN 1 AND 999);

-- What a shop's shows do from now on.
CREATE TABLE live.pay_at_end (
  shop_id bigint PRIMARY KEY,
  minutes int NOT NULL,
  units   int NOT NULL
);

CREATE FUNCTION orders.pass_pay_at_end_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.pay_after_minutes IS NULL THEN
    DELETE FROM live.pay_at_end WHERE shop_id = NEW.shop_id;
  ELSE
    INSERT INTO live.pay_at_end (shop_id, minutes, units)
    VALUES (NEW.shop_id, NEW.pay_after_minutes, NEW.unpaid_units)
    ON CONFLICT (shop_id) DO UPDATE SET minutes = excluded.minutes, units = excluded.units;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER policy_passes_pay_at_end_on AFTER INSERT OR UPDATE OF pay_after_minutes, unpaid_units ON orders.policy
  FOR EACH ROW EXECUTE FUNCTION orders.pass_pay_at_end_on();

-- What a show went on air with: promised to its buyers, whatever is set later.  NULL: they pay as they go.  `keep_until`:
-- how long units are kept unpaid while it goes on.
ALTER TABLE live.show ADD COLUMN pay_after_minutes int;
ALTER TABLE live.show ADD COLUMN unpaid_units int;
ALTER TABLE live.show ADD COLUMN keep_until timestamptz;

CREATE OR REPLACE VIEW live.v_offer_line AS
SELECT line.offer_id, offer.show_id, show.shop_id, offer.product_id, line.variant_id, line.price_minor, line.currency,
       line.quota, offer.policy, offer.hold_seconds, offer.limit_per_buyer, show.limit_per_show,
       offer.deposit_percent, show.pool_id, show.status AS show_status, show.host_id, show.keep_until, show.unpaid_units
  FROM live.offer_line line
  JOIN live.offer ON offer.id = line.offer_id
  JOIN live.show ON show.id = offer.show_id;
