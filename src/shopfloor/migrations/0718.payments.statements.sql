-- A provider's books of one day, as read once.
CREATE TABLE payments.statement (
  shop_id       bigint NOT NULL,
  connection_id bigint NOT NULL,
  day           date NOT NULL,
  read_at       timestamptz NOT NULL DEFAULT now(),
  compared_at   timestamptz,
  PRIMARY KEY (connection_id, day),
  UNIQUE (shop_id, connection_id, day),
  FOREIGN KEY (shop_id, connection_id) REFERENCES payments.connection (shop_id, id)
);

-- `attempt` and `refund` are our own ids where the provider's line names them; it may name what was never ours.
CREATE TABLE payments.statement_line (
  id            uuid PRIMARY KEY,
  shop_id       bigint NOT NULL,
  connection_id bigint NOT NULL,
  day           date NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('charge', 'refund', 'fee', 'dispute', 'payout', 'other')),
  reference     text NOT NULL,
  amount_minor  bigint NOT NULL CHECK (amount_minor >= 0),
  currency      text NOT NULL,
  fee_minor     bigint NOT NULL,
  happened_at   timestamptz NOT NULL,
  attempt       uuid,
  refund        uuid,
  FOREIGN KEY (shop_id, connection_id, day) REFERENCES payments.statement (shop_id, connection_id, day)
);
CREATE INDEX statement_line_of_day ON payments.statement_line (connection_id, day);
CREATE INDEX statement_line_by_reference ON payments.statement_line (connection_id, reference);
CREATE INDEX statement_line_by_refund ON payments.statement_line (refund) WHERE refund IS NOT NULL;
