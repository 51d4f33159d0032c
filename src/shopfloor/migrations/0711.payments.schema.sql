-- Money in and out has a schema of its own, below orders: what is paid for is a subject it need not know.  The old
-- names stay for one release, as views that can be written through.
CREATE SCHEMA payments;

ALTER TABLE orders.payment DROP CONSTRAINT payment_order_id_fkey;
ALTER TABLE orders.payment_event DROP CONSTRAINT payment_event_order_id_fkey;
ALTER TABLE orders.payment SET SCHEMA payments;
ALTER TABLE orders.payment_event SET SCHEMA payments;
ALTER TABLE payments.payment_event RENAME TO event;
ALTER TABLE payments.payment RENAME COLUMN order_id TO subject_id;
ALTER TABLE payments.event RENAME COLUMN order_id TO subject_id;
ALTER FUNCTION orders.refuse_change() SET SCHEMA payments;

CREATE VIEW orders.payment AS
  SELECT id, subject_id AS order_id, purpose, provider, method, amount_minor, currency, created_at FROM payments.payment;
CREATE VIEW orders.payment_event AS
  SELECT id, payment_id, subject_id AS order_id, kind, amount_minor, provider, reference, note, actor, recorded_at
    FROM payments.event;

-- For the modules above.
CREATE VIEW payments.v_payment AS
  SELECT id, subject_id, purpose, provider, method, amount_minor, currency, created_at FROM payments.payment;
CREATE VIEW payments.v_event AS
  SELECT id, payment_id, subject_id, kind, amount_minor, provider, reference, recorded_at FROM payments.event;
