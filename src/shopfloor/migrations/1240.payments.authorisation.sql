-- Money that is reserved on a card and not taken: when it is charged, and what became of it.
ALTER TABLE payments.connection ADD COLUMN captures_later boolean NOT NULL DEFAULT false;
ALTER TABLE payments.payment ADD COLUMN capture_later boolean NOT NULL DEFAULT false;

CREATE TABLE payments.authorisation (
  payment_id     uuid PRIMARY KEY,
  shop_id        bigint NOT NULL,
  amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
  authorised_at  timestamptz NOT NULL DEFAULT now(),
  capture_before timestamptz NOT NULL,
  warned_at      timestamptz,
  -- What is to be done with it, once somebody decided; tried until the provider has answered.
  wanted         text CHECK (wanted IN ('capture', 'void')),
  wanted_minor   bigint CHECK (wanted_minor > 0),
  wanted_id      uuid,
  wanted_by      text NOT NULL DEFAULT '',
  tries          int NOT NULL DEFAULT 0,
  next_at        timestamptz,
  reason         text NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
  ended          text CHECK (ended IN ('captured', 'voided', 'expired')),
  ended_at       timestamptz,
  CHECK ((ended IS NULL) = (ended_at IS NULL)),
  CHECK ((wanted IS NULL) = (wanted_id IS NULL)),
  CHECK (wanted_minor <= amount_minor),
  FOREIGN KEY (shop_id, payment_id) REFERENCES payments.payment (shop_id, id)
);
CREATE INDEX authorisation_due ON payments.authorisation (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX authorisation_live ON payments.authorisation (shop_id, capture_before) WHERE ended IS NULL;
CREATE INDEX authorisation_ends ON payments.authorisation (capture_before) WHERE ended IS NULL;

-- For the modules above.
CREATE VIEW payments.v_authorisation AS
  SELECT a.payment_id, a.shop_id, p.subject_id, a.amount_minor, a.capture_before, a.ended,
         a.ended_at
    FROM payments.authorisation a JOIN payments.payment p ON p.id = a.payment_id;
