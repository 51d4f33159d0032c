-- What lies between a tap and a hold has a schema of its own.  The old names stay for one release, as views that
-- can be written through.
CREATE SCHEMA purchases;

-- A view of the old name follows in the same transaction.
-- squawk-ignore ban-set-schema
ALTER TABLE orders.intent SET SCHEMA purchases;
-- A view of the old name follows in the same transaction.
-- squawk-ignore ban-set-schema
ALTER TABLE orders.waiting SET SCHEMA purchases;

CREATE VIEW orders.intent AS
  SELECT id, shop_id, buyer, offer_id, show_id, pool_id, lines, hash, created_at FROM purchases.intent;
CREATE VIEW orders.waiting AS
  SELECT id, turn, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency, state, hold_id,
         claim_until, joined_at, ended_at
    FROM purchases.waiting;

-- What a shop gives its waitlist; a shop without a row has the default of purchases.CLAIM_SECONDS.
CREATE TABLE purchases.waitlist_terms (
  shop_id       bigint PRIMARY KEY,
  claim_seconds int NOT NULL CHECK (claim_seconds BETWEEN 10 AND 86400)
);
INSERT INTO purchases.waitlist_terms (shop_id, claim_seconds) SELECT shop_id, claim_seconds FROM orders.policy;

-- The previous release writes it where it was.
CREATE FUNCTION orders.pass_claim_seconds_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO purchases.waitlist_terms (shop_id, claim_seconds) VALUES (NEW.shop_id, NEW.claim_seconds)
  ON CONFLICT (shop_id) DO UPDATE SET claim_seconds = excluded.claim_seconds;
  RETURN NULL;
END $$;
CREATE TRIGGER policy_passes_claim_seconds_on AFTER INSERT OR UPDATE OF claim_seconds ON orders.policy
  FOR EACH ROW EXECUTE FUNCTION orders.pass_claim_seconds_on();

-- For the modules above: figures, demand, audit.
CREATE VIEW purchases.v_intent AS SELECT id, shop_id, buyer, offer_id, show_id, pool_id, created_at FROM purchases.intent;
CREATE VIEW purchases.v_waiting AS
  SELECT id, shop_id, variant_id, offer_id, show_id, buyer, quantity, state, joined_at, ended_at FROM purchases.waiting;
