CREATE SCHEMA giveaways;

-- A prize that is drawn among those who entered.  `rules` are frozen when it opens: they name the hash of `secret` and
-- the round of the beacon; `closing` names the list of entries, before that round.  `why`: why it is void.
CREATE TABLE giveaways.giveaway (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id     bigint NOT NULL,
    show_id     bigint NOT NULL,
    prize       text NOT NULL CHECK (length(prize) BETWEEN 1 AND 120),
    value_minor bigint NOT NULL CHECK (value_minor BETWEEN 1 AND 1000000000000),
    currency    text NOT NULL,
    winners     int NOT NULL CHECK (winners BETWEEN 1 AND 20),
    proven_only boolean NOT NULL,
    claim_hours int NOT NULL CHECK (claim_hours BETWEEN 1 AND 336),
    opened_at   timestamptz NOT NULL,
    closes_at   timestamptz NOT NULL CHECK (closes_at > opened_at),
    round       bigint NOT NULL,
    round_at    timestamptz NOT NULL CHECK (round_at > closes_at),
    reveal_by   timestamptz NOT NULL CHECK (reveal_by > round_at),
    rules       jsonb NOT NULL,
    secret      bytea NOT NULL CHECK (length(secret) = 32),
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'drawn', 'void')),
    why         text CHECK (why IN ('called_off', 'no_entries', 'closed_late', 'not_revealed')),
    entries     int NOT NULL DEFAULT 0 CHECK (entries >= 0),
    closing     jsonb,
    closed_at   timestamptz CHECK (closed_at < round_at),
    signature   bytea,
    drawn_at    timestamptz CHECK (drawn_at <= reveal_by),
    problem     text,
    by_person   bigint,
    UNIQUE (shop_id, id),
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id),
    CHECK ((state = 'void') = (why IS NOT NULL)),
    CHECK ((closing IS NULL) = (closed_at IS NULL)),
    CHECK ((state = 'drawn') = (drawn_at IS NOT NULL AND signature IS NOT NULL)),
    CHECK (state NOT IN ('closed', 'drawn') OR closing IS NOT NULL)
);
CREATE INDEX giveaway_of_show ON giveaways.giveaway (show_id, id);
-- One at a time takes entries in a show.
CREATE UNIQUE INDEX giveaway_running ON giveaways.giveaway (show_id) WHERE state = 'open';
CREATE INDEX giveaway_due ON giveaways.giveaway (closes_at) WHERE state IN ('open', 'closed');

-- Who entered.  `number` is all that others see of it; `network` is a salted key, kept until the list is closed, and only
-- of who has no account.
CREATE TABLE giveaways.entry (
    giveaway_id bigint NOT NULL,
    number      text NOT NULL CHECK (number ~ '^[0-9A-Z]{10}$'),
    shop_id     bigint NOT NULL,
    shopper     uuid NOT NULL,
    customer    uuid,
    name        text NOT NULL DEFAULT '',
    network     bigint,
    entered_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (giveaway_id, shopper),
    UNIQUE (giveaway_id, number),
    FOREIGN KEY (shop_id, giveaway_id) REFERENCES giveaways.giveaway (shop_id, id)
);
CREATE UNIQUE INDEX entry_of_customer ON giveaways.entry (giveaway_id, customer) WHERE customer IS NOT NULL;
CREATE INDEX entry_of_shopper ON giveaways.entry (shop_id, shopper);

-- Who was drawn, in the order of the draw, and what became of it.  `recipient`: where the prize goes.
CREATE TABLE giveaways.winner (
    giveaway_id bigint NOT NULL,
    place       int NOT NULL CHECK (place > 0),
    shop_id     bigint NOT NULL,
    number      text NOT NULL,
    state       text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'claimed', 'lapsed')),
    asked_at    timestamptz NOT NULL,
    deadline    timestamptz NOT NULL CHECK (deadline > asked_at),
    claimed_at  timestamptz,
    recipient   text NOT NULL DEFAULT '' CHECK (length(recipient) <= 500),
    sent_at     timestamptz,
    PRIMARY KEY (giveaway_id, place),
    FOREIGN KEY (giveaway_id, number) REFERENCES giveaways.entry (giveaway_id, number),
    FOREIGN KEY (shop_id, giveaway_id) REFERENCES giveaways.giveaway (shop_id, id),
    CHECK ((state = 'claimed') = (claimed_at IS NOT NULL)),
    CHECK (sent_at IS NULL OR state = 'claimed')
);
-- What is kept of one person.
CREATE VIEW giveaways.v_entry AS
SELECT e.shop_id, e.shopper, e.customer, g.id AS giveaway_id, g.prize, e.number, e.name, e.entered_at, w.state,
       coalesce(w.recipient, '') AS recipient
  FROM giveaways.entry e JOIN giveaways.giveaway g ON g.id = e.giveaway_id
  LEFT JOIN giveaways.winner w ON w.giveaway_id = e.giveaway_id AND w.number = e.number;
CREATE INDEX winner_due ON giveaways.winner (deadline) WHERE state = 'asked';
