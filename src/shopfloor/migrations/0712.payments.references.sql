-- A reference belongs to one shop: what two merchants type may be the same.  Providers' own references are unique
-- anyway.
ALTER TABLE payments.payment ADD COLUMN shop_id bigint;
ALTER TABLE payments.event ADD COLUMN shop_id bigint;

UPDATE payments.payment p SET shop_id = o.shop_id FROM orders.orders o WHERE o.id = p.subject_id;
-- For the previous release, which neither knows the shop nor may lose its own unique key: it goes on reading and
-- writing `old_reference`, which differs from `reference` only where another shop had it first.
ALTER TABLE payments.event ADD COLUMN old_reference text;
ALTER TABLE payments.event DISABLE TRIGGER payment_event_is_append_only;
UPDATE payments.event e SET shop_id = p.shop_id, old_reference = e.reference
  FROM payments.payment p WHERE p.id = e.payment_id;
ALTER TABLE payments.event ENABLE TRIGGER payment_event_is_append_only;

CREATE FUNCTION payments.know_the_shop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.shop_id := (SELECT shop_id FROM orders.orders WHERE id = NEW.subject_id);
  RETURN NEW;
END $$;
CREATE TRIGGER payment_knows_the_shop BEFORE INSERT ON payments.payment
  FOR EACH ROW WHEN (NEW.shop_id IS NULL) EXECUTE FUNCTION payments.know_the_shop();

CREATE FUNCTION payments.keep_both_references() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.reference IS NULL THEN
    NEW.reference := NEW.old_reference;
    NEW.shop_id := (SELECT shop_id FROM payments.payment WHERE id = NEW.payment_id);
  ELSE
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.provider || '/' || NEW.kind || '/' || NEW.reference, 0));
    NEW.old_reference := NEW.reference;
    IF EXISTS (SELECT FROM payments.event
                WHERE provider = NEW.provider AND kind = NEW.kind AND old_reference = NEW.reference
                  AND shop_id <> NEW.shop_id) THEN
      NEW.old_reference := NEW.reference || ' (shop ' || NEW.shop_id || ')';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER event_keeps_both_references BEFORE INSERT ON payments.event
  FOR EACH ROW EXECUTE FUNCTION payments.keep_both_references();

-- A row per attempt to be paid: read in no time, and a payment can wait for it.
-- squawk-ignore adding-not-nullable-field
ALTER TABLE payments.payment ALTER COLUMN shop_id SET NOT NULL;
-- A row per attempt to be paid: read in no time, and a payment can wait for it.
-- squawk-ignore adding-not-nullable-field
ALTER TABLE payments.event ALTER COLUMN shop_id SET NOT NULL;
-- A row per attempt to be paid: read in no time, and a payment can wait for it.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX event_once ON payments.event (shop_id, provider, kind, reference);
-- A row per attempt to be paid: read in no time, and a payment can wait for it.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX event_once_in_the_previous_release ON payments.event (provider, kind, old_reference);
-- The index above takes its place for both releases.
-- squawk-ignore ban-drop-constraint
ALTER TABLE payments.event DROP CONSTRAINT payment_event_provider_kind_reference_key;

CREATE OR REPLACE VIEW orders.payment_event AS
  SELECT id, payment_id, subject_id AS order_id, kind, amount_minor, provider, old_reference AS reference, note, actor,
         recorded_at
    FROM payments.event;
CREATE OR REPLACE VIEW payments.v_payment AS
  SELECT id, subject_id, purpose, provider, method, amount_minor, currency, created_at, shop_id FROM payments.payment;
CREATE OR REPLACE VIEW payments.v_event AS
  SELECT id, payment_id, subject_id, kind, amount_minor, provider, reference, recorded_at, shop_id FROM payments.event;
