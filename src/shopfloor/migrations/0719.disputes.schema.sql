-- What buyers asked their banks to take back.  Money of a dispute is in movements, appended and never changed; what the
-- merchant did about it is in notes.
CREATE SCHEMA disputes;

CREATE TABLE disputes.dispute (
  id            uuid PRIMARY KEY,
  shop_id       bigint NOT NULL,
  connection_id bigint NOT NULL,
  payment_id    uuid,
  provider      text NOT NULL CHECK (length(provider) BETWEEN 1 AND 40),
  reference     text NOT NULL CHECK (length(reference) BETWEEN 1 AND 255),
  charge        text NOT NULL CHECK (length(charge) <= 255),
  amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
  currency      text NOT NULL,
  reason        text NOT NULL DEFAULT '' CHECK (length(reason) <= 200),
  state         text NOT NULL CHECK (state IN ('needs_answer', 'under_review', 'won', 'lost', 'closed')),
  due_by        timestamptz,
  opened_at     timestamptz NOT NULL,
  ended_at      timestamptz,
  reminded_at   timestamptz,
  look_at       timestamptz,
  UNIQUE (shop_id, id),
  UNIQUE (connection_id, reference),
  CHECK ((ended_at IS NULL) = (state IN ('needs_answer', 'under_review'))),
  FOREIGN KEY (shop_id, connection_id) REFERENCES payments.connection (shop_id, id),
  FOREIGN KEY (shop_id, payment_id) REFERENCES payments.payment (shop_id, id)
);
CREATE INDEX dispute_of_shop ON disputes.dispute (shop_id, opened_at, id);
CREATE INDEX dispute_of_payment ON disputes.dispute (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX dispute_to_look_at ON disputes.dispute (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE disputes.movement (
  id           uuid PRIMARY KEY,
  shop_id      bigint NOT NULL,
  dispute_id   uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('withdrawn', 'reinstated', 'fee', 'fee_returned')),
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency     text NOT NULL,
  reference    text NOT NULL CHECK (length(reference) BETWEEN 1 AND 255),
  recorded_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (dispute_id, kind, reference),
  FOREIGN KEY (shop_id, dispute_id) REFERENCES disputes.dispute (shop_id, id)
);
CREATE TRIGGER movement_is_append_only BEFORE UPDATE OR DELETE ON disputes.movement
  FOR EACH ROW EXECUTE FUNCTION payments.refuse_change();

CREATE TABLE disputes.note (
  id          uuid PRIMARY KEY,
  shop_id     bigint NOT NULL,
  dispute_id  uuid NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('accepted', 'evidence_sent')),
  note        text NOT NULL DEFAULT '' CHECK (length(note) <= 1000),
  person_id   bigint NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (shop_id, dispute_id) REFERENCES disputes.dispute (shop_id, id)
);
CREATE INDEX note_of_dispute ON disputes.note (dispute_id);
CREATE TRIGGER note_is_append_only BEFORE UPDATE OR DELETE ON disputes.note
  FOR EACH ROW EXECUTE FUNCTION payments.refuse_change();

-- For the modules above: what banks hold of each payment now.
CREATE VIEW disputes.v_withdrawn AS
  SELECT p.subject_id, d.payment_id, d.shop_id,
         sum(CASE m.kind WHEN 'withdrawn' THEN m.amount_minor ELSE -m.amount_minor END)::bigint AS amount_minor
    FROM disputes.movement m
    JOIN disputes.dispute d ON d.id = m.dispute_id
    JOIN payments.payment p ON p.id = d.payment_id AND p.currency = m.currency
   WHERE m.kind IN ('withdrawn', 'reinstated')
   GROUP BY p.subject_id, d.payment_id, d.shop_id;
