-- Who is acting: people, shops, memberships, sessions, invitations and keys.
CREATE SCHEMA accounts;

-- What the node signs with.  The newest version signs, every version that has not been retired verifies.
CREATE TABLE accounts.secret (
    version    int PRIMARY KEY CHECK (version > 0),
    value      bytea NOT NULL CHECK (length(value) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);

CREATE TABLE accounts.person (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name          text NOT NULL CHECK (length(name) <= 100),
    password_hash text NOT NULL,
    is_operator   boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE accounts.shop (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$'),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    locale     text NOT NULL,
    timezone   text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE accounts.member (
    shop_id   bigint NOT NULL REFERENCES accounts.shop (id),
    person_id bigint NOT NULL REFERENCES accounts.person (id),
    role      text NOT NULL,
    joined_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shop_id, person_id)
);
CREATE INDEX member_person ON accounts.member (person_id);

CREATE TABLE accounts.session (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    person_id  bigint NOT NULL REFERENCES accounts.person (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX session_person ON accounts.session (person_id);
CREATE INDEX session_expiry ON accounts.session (expires_at);

-- One-time links with which the first person takes the node over.
CREATE TABLE accounts.claim (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE TABLE accounts.invitation (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id     bigint NOT NULL REFERENCES accounts.shop (id),
    token_hash  bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    role        text NOT NULL,
    email       text,
    invited_by  bigint NOT NULL REFERENCES accounts.person (id),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    accepted_by bigint REFERENCES accounts.person (id),
    withdrawn_at timestamptz,
    CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
    CHECK (accepted_at IS NULL OR withdrawn_at IS NULL)
);
CREATE INDEX invitation_shop ON accounts.invitation (shop_id);

-- A link that opens one page to whoever holds it: a supplier's desk, a receipt.
CREATE TABLE accounts.access_key (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    purpose    text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 40),
    subject    text NOT NULL CHECK (length(subject) BETWEEN 1 AND 64),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX access_key_subject ON accounts.access_key (shop_id, purpose, subject);

-- Sign-ins tried in the running window, by account and by address; the bucket is a hash of what it counts.
CREATE TABLE accounts.attempt (
    bucket     bytea PRIMARY KEY CHECK (length(bucket) = 32),
    started_at timestamptz NOT NULL DEFAULT now(),
    tries      int NOT NULL CHECK (tries > 0)
);

CREATE VIEW accounts.v_shop AS
    SELECT id, slug, name, currency, locale, timezone FROM accounts.shop;
CREATE VIEW accounts.v_member AS
    SELECT m.shop_id, m.person_id, m.role, p.name, p.email
      FROM accounts.member m JOIN accounts.person p ON p.id = m.person_id;
