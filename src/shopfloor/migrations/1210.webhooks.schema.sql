CREATE SCHEMA webhooks;

-- Programs of the merchant that are told what happens (Standard Webhooks), and what became of it.
CREATE TABLE webhooks.endpoint (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id        bigint NOT NULL REFERENCES accounts.shop (id),
  url            text NOT NULL CHECK (length(url) BETWEEN 8 AND 2000),
  secret         bytea NOT NULL,
  events         text[] NOT NULL CHECK (cardinality(events) BETWEEN 1 AND 100),
  created_at     timestamptz NOT NULL DEFAULT now(),
  failing_since  timestamptz,
  disabled_at    timestamptz,
  disabled_why   text NOT NULL DEFAULT '' CHECK (disabled_why IN ('', 'by_hand', 'failing', 'gone', 'key')),
  UNIQUE (shop_id, id),
  CHECK ((disabled_at IS NULL) = (disabled_why = ''))
);

-- One row for each event and endpoint: `message` is what the receiver knows it by, the same on every attempt.
CREATE TABLE webhooks.delivery (
  id            uuid PRIMARY KEY,
  shop_id       bigint NOT NULL,
  endpoint_id   bigint NOT NULL,
  message       text NOT NULL CHECK (length(message) <= 60),
  event         text NOT NULL CHECK (length(event) <= 80),
  body          text NOT NULL,
  state         text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'delivered', 'failed')),
  attempts      int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  due_at        timestamptz NOT NULL DEFAULT now(),
  claim         uuid,
  claimed_until timestamptz,
  status        int,
  reply         text NOT NULL DEFAULT '',
  created_at    timestamptz NOT NULL DEFAULT now(),
  ended_at      timestamptz,
  FOREIGN KEY (shop_id, endpoint_id) REFERENCES webhooks.endpoint (shop_id, id) ON DELETE CASCADE,
  UNIQUE (endpoint_id, message),
  CHECK ((state = 'sending') = (claim IS NOT NULL AND claimed_until IS NOT NULL)),
  CHECK ((state IN ('queued', 'sending')) = (ended_at IS NULL))
);
CREATE INDEX delivery_due ON webhooks.delivery (endpoint_id, due_at) WHERE state = 'queued';
CREATE INDEX delivery_claimed ON webhooks.delivery (claimed_until) WHERE state = 'sending';
CREATE INDEX delivery_of_endpoint ON webhooks.delivery (endpoint_id, created_at DESC, id DESC);
CREATE INDEX delivery_ended ON webhooks.delivery (ended_at) WHERE ended_at IS NOT NULL;
