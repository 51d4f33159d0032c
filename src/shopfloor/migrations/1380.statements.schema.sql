-- Statements of shows, in a log that only grows: one per shop, hashed as RFC 6962 says.
CREATE SCHEMA statements;

CREATE TABLE statements.log (
    shop_id    bigint PRIMARY KEY REFERENCES accounts.shop (id),
    origin     text NOT NULL UNIQUE CHECK (origin ~ '^[^[:space:]+]{1,200}$'),
    size       bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Private halves are sealed with the key of the data directory.
CREATE TABLE statements.key (
    shop_id    bigint NOT NULL REFERENCES statements.log (shop_id),
    number     bigint NOT NULL CHECK (number > 0),
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    secret     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    PRIMARY KEY (shop_id, number)
);
CREATE UNIQUE INDEX key_that_signs ON statements.key (shop_id) WHERE retired_at IS NULL;

-- What is in the log, as canonical JSON: the bytes that its hash is made of.
CREATE TABLE statements.leaf (
    shop_id   bigint NOT NULL REFERENCES statements.log (shop_id),
    position  bigint NOT NULL CHECK (position >= 0),
    kind      text NOT NULL CHECK (kind IN ('statement', 'key')),
    body      bytea NOT NULL,
    logged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shop_id, position)
);

CREATE INDEX leaf_of_keys ON statements.leaf (shop_id, position) WHERE kind = 'key';

-- The perfect subtrees: level 0 are the leaves themselves.
CREATE TABLE statements.node (
    shop_id bigint NOT NULL REFERENCES statements.log (shop_id),
    level   bigint NOT NULL CHECK (level BETWEEN 0 AND 62),
    place   bigint NOT NULL CHECK (place >= 0),
    hash    bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (shop_id, level, place)
);

-- `access` opens the statement to whoever was sent its link.
CREATE TABLE statements.statement (
    shop_id  bigint NOT NULL,
    number   bigint NOT NULL CHECK (number > 0),
    show_id  bigint NOT NULL REFERENCES live.show (id),
    version  bigint NOT NULL CHECK (version > 0),
    position bigint NOT NULL,
    state    text NOT NULL CHECK (state IN ('provisional', 'final')),
    access   text NOT NULL CHECK (length(access) >= 22),
    made_at  timestamptz NOT NULL,
    PRIMARY KEY (shop_id, number),
    UNIQUE (shop_id, show_id, version),
    UNIQUE (shop_id, position),
    FOREIGN KEY (shop_id, position) REFERENCES statements.leaf (shop_id, position)
);

CREATE TABLE statements.checkpoint (
    shop_id   bigint NOT NULL REFERENCES statements.log (shop_id),
    size      bigint NOT NULL CHECK (size > 0),
    root      bytea NOT NULL CHECK (octet_length(root) = 32),
    note      text NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shop_id, size)
);

-- When a show was looked at last, so that one whose figures cannot be made does not keep the others waiting.
CREATE TABLE statements.asked (
    shop_id  bigint NOT NULL REFERENCES accounts.shop (id),
    show_id  bigint NOT NULL REFERENCES live.show (id),
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (shop_id, show_id)
);

-- Others whom the shop shows its checkpoints, and what they signed.
CREATE TABLE statements.witness (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id   bigint NOT NULL REFERENCES accounts.shop (id),
    key       text NOT NULL CHECK (length(key) BETWEEN 1 AND 300),
    url       text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    seen      bigint NOT NULL DEFAULT 0 CHECK (seen >= 0),
    problem   text NOT NULL DEFAULT '',
    tried_at  timestamptz,
    added_at  timestamptz NOT NULL DEFAULT now(),
    ended_at  timestamptz,
    UNIQUE (shop_id, id)
);
CREATE UNIQUE INDEX witness_that_is_asked ON statements.witness (shop_id, key) WHERE ended_at IS NULL;

CREATE TABLE statements.cosignature (
    shop_id     bigint NOT NULL,
    size        bigint NOT NULL,
    witness_id  bigint NOT NULL,
    line        text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shop_id, size, witness_id),
    FOREIGN KEY (shop_id, size) REFERENCES statements.checkpoint (shop_id, size),
    FOREIGN KEY (shop_id, witness_id) REFERENCES statements.witness (shop_id, id)
);

CREATE INDEX cosignature_of_witness ON statements.cosignature (shop_id, witness_id, size);

-- Logs of others that this shop is a witness of, and the last it saw of each.
CREATE TABLE statements.watched (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id bigint NOT NULL REFERENCES accounts.shop (id),
    origin  text NOT NULL CHECK (origin ~ '^[^[:space:]+]{1,200}$'),
    keys    text[] NOT NULL CHECK (cardinality(keys) BETWEEN 1 AND 20),
    size    bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    root    bytea CHECK (octet_length(root) = 32),
    note    text NOT NULL DEFAULT '',
    seen_at timestamptz,
    UNIQUE (shop_id, origin)
);
CREATE TABLE statements.witness_key (
    shop_id    bigint PRIMARY KEY REFERENCES accounts.shop (id),
    name       text NOT NULL,
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    secret     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
