-- Messages to people: what is to be told to whom, the servers that carry it, the words of a shop.
CREATE SCHEMA notifications;

-- One row decides that a notice exists once: (fact, kind, channel, recipient).  `facts` is what happened; what else it
-- says is read when it is sent.  `sealed` holds what only its reader may know (a link of one use) until it has left.
-- A notice that is `sending` was claimed; `handed_at` is set before its bytes go to a server.
CREATE TABLE notifications.notice (
  id            uuid PRIMARY KEY,
  shop_id       bigint NOT NULL REFERENCES accounts.shop (id),
  fact_id       uuid NOT NULL,
  kind          text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
  channel       text NOT NULL CHECK (channel IN ('mail', 'sms', 'push')),
  recipient     text NOT NULL CHECK (length(recipient) <= 500),
  name          text NOT NULL DEFAULT '' CHECK (length(name) <= 200),
  locale        text NOT NULL CHECK (length(locale) <= 16),
  order_id      uuid REFERENCES orders.orders (id),
  buyer         uuid,
  facts         jsonb NOT NULL,
  sealed        bytea,
  state         text NOT NULL DEFAULT 'queued'
                CHECK (state IN ('queued', 'sending', 'sent', 'kept', 'refused', 'failed', 'unknown', 'dropped')),
  urgency       int NOT NULL,
  due_at        timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL,
  claim         uuid,
  claimed_until timestamptz,
  handed_at     timestamptz,
  attempts      int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  uncertain     int NOT NULL DEFAULT 0 CHECK (uncertain BETWEEN 0 AND 2),
  subject       text NOT NULL DEFAULT '',
  code          text NOT NULL DEFAULT '',
  reply         text NOT NULL DEFAULT '',
  again_by      bigint,
  created_at    timestamptz NOT NULL DEFAULT now(),
  ended_at      timestamptz,
  UNIQUE (fact_id, kind, channel, recipient),
  CHECK ((state = 'sending') = (claim IS NOT NULL AND claimed_until IS NOT NULL)),
  CHECK ((state IN ('queued', 'sending')) = (ended_at IS NULL))
);
CREATE INDEX notice_due ON notifications.notice (urgency, due_at) WHERE state = 'queued';
CREATE INDEX notice_claimed ON notifications.notice (claimed_until) WHERE state = 'sending';
CREATE INDEX notice_of_shop ON notifications.notice (shop_id, created_at DESC, id DESC);
CREATE INDEX notice_to ON notifications.notice (shop_id, lower(recipient) text_pattern_ops);
CREATE INDEX notice_of_order ON notifications.notice (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX notice_of_buyer ON notifications.notice (shop_id, buyer) WHERE buyer IS NOT NULL;

-- The mail server of a shop.  Without a row, or without a host, the installation's own carries its mail.
CREATE TABLE notifications.mail_server (
  shop_id      bigint PRIMARY KEY REFERENCES accounts.shop (id),
  host         text NOT NULL CHECK (length(host) <= 253),
  port         int NOT NULL CHECK (port BETWEEN 1 AND 65535),
  security     text NOT NULL CHECK (security IN ('tls', 'starttls', 'none')),
  username     text NOT NULL CHECK (length(username) <= 320),
  password     bytea,
  sender       text NOT NULL CHECK (length(sender) <= 320),
  reply_to     text NOT NULL CHECK (length(reply_to) <= 320),
  changed_at   timestamptz NOT NULL DEFAULT now()
);

-- How it goes with a server: `target` is what it is known by.
CREATE TABLE notifications.server_trouble (
  target     text PRIMARY KEY CHECK (length(target) <= 700),
  since      timestamptz NOT NULL DEFAULT now(),
  reason     text NOT NULL,
  next_at    timestamptz NOT NULL
);

-- The merchant's own words for a kind of message.
CREATE TABLE notifications.wording (
  shop_id bigint NOT NULL REFERENCES accounts.shop (id),
  kind    text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
  locale  text NOT NULL CHECK (length(locale) <= 16),
  subject text NOT NULL CHECK (length(subject) <= 200),
  intro   text NOT NULL CHECK (length(intro) <= 4000),
  PRIMARY KEY (shop_id, kind, locale)
);

-- Who asked to be told when a show starts.
CREATE TABLE notifications.reminder (
  id         uuid PRIMARY KEY,
  shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
  show_id    bigint NOT NULL,
  email      text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  locale     text NOT NULL CHECK (length(locale) <= 16),
  created_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id)
);
CREATE UNIQUE INDEX reminder_once ON notifications.reminder (show_id, lower(email));

-- Where somebody in a waitlist wants to be told.
CREATE TABLE notifications.place_contact (
  waiting    uuid PRIMARY KEY,
  shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
  buyer      uuid NOT NULL,
  email      text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  locale     text NOT NULL CHECK (length(locale) <= 16),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX place_contact_of_buyer ON notifications.place_contact (shop_id, buyer);

-- Who wants nothing of a shop but what an order needs; known by a hash, so that it holds after the address is forgotten.
CREATE TABLE notifications.unsubscribed (
  shop_id bigint NOT NULL REFERENCES accounts.shop (id),
  address bytea NOT NULL CHECK (length(address) = 32),
  at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (shop_id, address)
);

-- Addresses for which a new password was asked: whether somebody has them is looked up later, so that nobody can tell
-- from the answer.
CREATE TABLE notifications.reset_request (
  address  text PRIMARY KEY CHECK (length(address) BETWEEN 3 AND 254),
  locale   text NOT NULL CHECK (length(locale) <= 16),
  asked_at timestamptz NOT NULL DEFAULT now()
);

CREATE VIEW notifications.v_of_order AS
SELECT id, shop_id, order_id, kind, channel, recipient, subject, state, code, created_at, ended_at
  FROM notifications.notice WHERE order_id IS NOT NULL;
