-- Notifications in browsers that allow them (Web Push).
CREATE SCHEMA push;

-- The key that push services know this installation by; the private half is sealed.  A key that cannot be read is made
-- anew, and subscriptions to the old one are gone with it.
CREATE TABLE push.key (
  is_current boolean PRIMARY KEY DEFAULT true CHECK (is_current),
  public     bytea NOT NULL CHECK (length(public) = 65),
  private    bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- A browser that allows it, of one shopper in one shop.  `endpoint` is where its push service takes messages for it.
CREATE TABLE push.subscription (
  id         uuid PRIMARY KEY,
  shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
  shopper    uuid NOT NULL,
  endpoint   text NOT NULL CHECK (length(endpoint) BETWEEN 10 AND 1000),
  public     bytea NOT NULL CHECK (length(public) = 65),
  auth       bytea NOT NULL CHECK (length(auth) = 16),
  locale     text NOT NULL CHECK (length(locale) <= 16),
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (shop_id, id),
  UNIQUE (shop_id, endpoint)
);
CREATE INDEX subscription_of_shopper ON push.subscription (shop_id, shopper);
CREATE INDEX subscription_seen ON push.subscription (seen_at);

-- Shows whose start a browser wants to be told.
CREATE TABLE push.show_reminder (
  shop_id         bigint NOT NULL,
  show_id         bigint NOT NULL,
  subscription_id uuid NOT NULL,
  PRIMARY KEY (show_id, subscription_id),
  FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id),
  FOREIGN KEY (shop_id, subscription_id) REFERENCES push.subscription (shop_id, id) ON DELETE CASCADE
);
CREATE INDEX show_reminder_of_subscription ON push.show_reminder (shop_id, subscription_id);

-- One for each fact and browser; `content` is what the browser shows.
CREATE TABLE push.message (
  id              uuid PRIMARY KEY,
  shop_id         bigint NOT NULL,
  subscription_id uuid NOT NULL,
  fact_id         uuid NOT NULL,
  kind            text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
  content         jsonb NOT NULL,
  state           text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'sent', 'failed')),
  attempts        int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  due_at          timestamptz NOT NULL DEFAULT now(),
  expires_at      timestamptz NOT NULL,
  claim           uuid,
  claimed_until   timestamptz,
  status          int,
  created_at      timestamptz NOT NULL DEFAULT now(),
  ended_at        timestamptz,
  FOREIGN KEY (shop_id, subscription_id) REFERENCES push.subscription (shop_id, id) ON DELETE CASCADE,
  UNIQUE (fact_id, kind, subscription_id),
  CHECK ((state = 'sending') = (claim IS NOT NULL AND claimed_until IS NOT NULL)),
  CHECK ((state IN ('queued', 'sending')) = (ended_at IS NULL))
);
CREATE INDEX message_due ON push.message (due_at) WHERE state = 'queued';
CREATE INDEX message_claimed ON push.message (claimed_until) WHERE state = 'sending';
CREATE INDEX message_of_subscription ON push.message (shop_id, subscription_id);
CREATE INDEX message_ended ON push.message (ended_at) WHERE ended_at IS NOT NULL;
