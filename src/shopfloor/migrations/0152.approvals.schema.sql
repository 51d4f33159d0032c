-- Refunds that need a second person: above a limit of the shop, of a member's own order, or sent another way than the
-- money came.
CREATE SCHEMA approvals;

CREATE TABLE approvals.rule (
  shop_id            bigint PRIMARY KEY REFERENCES accounts.shop (id),
  refund_limit_minor bigint CHECK (refund_limit_minor >= 0),
  changed_by         bigint NOT NULL,
  changed_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE approvals.request (
  id           uuid PRIMARY KEY,
  shop_id      bigint NOT NULL REFERENCES accounts.shop (id),
  order_id     uuid NOT NULL,
  refund       uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('refund', 'by_hand')),
  why          text NOT NULL CHECK (why IN ('limit', 'own_order', 'other_instrument')),
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency     text NOT NULL,
  note         text NOT NULL DEFAULT '' CHECK (length(note) <= 1000),
  asked_by     bigint NOT NULL,
  asked_at     timestamptz NOT NULL DEFAULT now(),
  decision     text CHECK (decision IN ('confirmed', 'declined')),
  decided_by   bigint,
  decided_at   timestamptz,
  UNIQUE (shop_id, refund, kind),
  CHECK ((decision IS NULL) = (decided_by IS NULL)),
  CHECK (decided_by <> asked_by OR decision = 'declined')
);
CREATE INDEX request_waiting ON approvals.request (shop_id, asked_at) WHERE decision IS NULL;
CREATE INDEX request_of_order ON approvals.request (order_id);

-- For the modules above.
CREATE VIEW approvals.v_request AS
  SELECT id, shop_id, order_id, refund, kind, amount_minor, decision FROM approvals.request;
