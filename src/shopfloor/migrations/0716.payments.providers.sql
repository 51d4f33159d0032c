-- A shop's accounts with providers.  What is secret is sealed with a key that is not in the database.
CREATE TABLE payments.connection (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
  provider   text NOT NULL CHECK (length(provider) BETWEEN 1 AND 40),
  mode       text NOT NULL CHECK (mode IN ('test', 'live')),
  label      text NOT NULL CHECK (length(label) <= 60),
  fields     jsonb NOT NULL,
  sealed     bytea NOT NULL,
  is_on      boolean NOT NULL DEFAULT false,
  checked_at timestamptz,
  works      boolean,
  said       text NOT NULL DEFAULT '' CHECK (length(said) <= 500),
  version    bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  removed_at timestamptz,
  UNIQUE (shop_id, id)
);

-- Where an attempt stands, as the provider's last word has it; the money itself is in the events.
ALTER TABLE payments.payment ADD COLUMN connection_id bigint;
ALTER TABLE payments.payment ADD COLUMN reference text NOT NULL DEFAULT '';
ALTER TABLE payments.payment ADD COLUMN state text NOT NULL DEFAULT 'created';
ALTER TABLE payments.payment ADD COLUMN action jsonb;
ALTER TABLE payments.payment ADD COLUMN note text NOT NULL DEFAULT '';
ALTER TABLE payments.payment ADD COLUMN return_url text NOT NULL DEFAULT '';
ALTER TABLE payments.payment ADD COLUMN expires_at timestamptz;
ALTER TABLE payments.payment ADD COLUMN look_at timestamptz;
ALTER TABLE payments.payment ADD COLUMN looks int NOT NULL DEFAULT 0;
ALTER TABLE payments.payment ADD CONSTRAINT payment_state CHECK (
  state IN ('created', 'action_required', 'pending', 'authorised', 'captured', 'declined', 'closed')
) NOT VALID;
ALTER TABLE payments.payment ADD CONSTRAINT payment_connection_in_shop
  FOREIGN KEY (shop_id, connection_id) REFERENCES payments.connection (shop_id, id) NOT VALID;
-- The column is new and empty: the index is made in no time.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX payment_to_look_at ON payments.payment (look_at) WHERE look_at IS NOT NULL;

-- What an attempt went through beside money: appended, never changed.
CREATE TABLE payments.step (
  id           uuid PRIMARY KEY,
  shop_id      bigint NOT NULL,
  payment_id   uuid NOT NULL,
  kind         text NOT NULL,
  note         text NOT NULL DEFAULT '',
  recorded_at  timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (shop_id, payment_id) REFERENCES payments.payment (shop_id, id)
);
CREATE INDEX step_by_payment ON payments.step (payment_id);
CREATE TRIGGER step_is_append_only BEFORE UPDATE OR DELETE ON payments.step
  FOR EACH ROW EXECUTE FUNCTION payments.refuse_change();

-- What providers sent, as it came, once each.
CREATE TABLE payments.inbox (
  id            uuid PRIMARY KEY,
  shop_id       bigint NOT NULL,
  connection_id bigint NOT NULL,
  key           text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  method        text NOT NULL,
  path          text NOT NULL,
  headers       jsonb NOT NULL,
  body          bytea NOT NULL,
  received_at   timestamptz NOT NULL,
  done_at       timestamptz,
  tries         int NOT NULL DEFAULT 0,
  next_at       timestamptz NOT NULL DEFAULT now(),
  said          text NOT NULL DEFAULT '',
  UNIQUE (connection_id, key),
  FOREIGN KEY (shop_id, connection_id) REFERENCES payments.connection (shop_id, id)
);
CREATE INDEX inbox_waiting ON payments.inbox (next_at) WHERE done_at IS NULL;

-- Money that fits no order: somebody must close each.
CREATE TABLE payments.difference (
  id             uuid PRIMARY KEY,
  shop_id        bigint NOT NULL,
  payment_id     uuid,
  connection_id  bigint,
  kind           text NOT NULL CHECK (kind IN (
    'amount', 'currency', 'twice', 'late', 'unknown', 'refund_failed', 'missing_here', 'missing_there', 'fee')),
  provider       text NOT NULL,
  reference      text NOT NULL,
  amount_minor   bigint NOT NULL CHECK (amount_minor >= 0),
  currency       text NOT NULL,
  expected_minor bigint,
  opened_at      timestamptz NOT NULL DEFAULT now(),
  closed_at      timestamptz,
  closed_by      text NOT NULL DEFAULT '',
  how            text CHECK (how IN ('sent_back', 'settled')),
  note           text NOT NULL DEFAULT '',
  UNIQUE (shop_id, provider, kind, reference),
  CHECK ((closed_at IS NULL) = (how IS NULL)),
  FOREIGN KEY (shop_id, payment_id) REFERENCES payments.payment (shop_id, id),
  FOREIGN KEY (shop_id, connection_id) REFERENCES payments.connection (shop_id, id)
);
CREATE INDEX difference_open ON payments.difference (shop_id, opened_at) WHERE closed_at IS NULL;
CREATE INDEX difference_of_payment ON payments.difference (payment_id);

-- The way of a refund's share of one charge to the provider; `refund` is the id of the refund.
CREATE TABLE payments.refund_try (
  refund       uuid NOT NULL,
  payment_id   uuid NOT NULL,
  shop_id      bigint NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  state        text NOT NULL CHECK (state IN ('waiting', 'pending', 'done', 'failed')),
  reference    text NOT NULL DEFAULT '',
  reason       text NOT NULL DEFAULT '',
  tries        int NOT NULL DEFAULT 0,
  next_at      timestamptz,
  PRIMARY KEY (refund, payment_id),
  FOREIGN KEY (shop_id, payment_id) REFERENCES payments.payment (shop_id, id)
);
CREATE INDEX refund_try_waiting ON payments.refund_try (next_at) WHERE next_at IS NOT NULL;
