-- Shows, what is offered in them at what price, what was shown when, and who is watching.
CREATE SCHEMA live;

CREATE TABLE live.show (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id        bigint NOT NULL,
    title          text NOT NULL CHECK (length(title) BETWEEN 1 AND 120),
    titles         jsonb NOT NULL DEFAULT '{}',
    status         text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'live', 'ended')),
    channel_id     bigint,
    host_id        bigint,
    pool_id        bigint,
    limit_per_show int CHECK (limit_per_show > 0),
    starts_at      timestamptz,
    started_at     timestamptz,
    ended_at       timestamptz,
    viewers_peak   int NOT NULL DEFAULT 0,
    notice         jsonb,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((status = 'planned') = (started_at IS NULL)),
    CHECK ((status = 'ended') = (ended_at IS NOT NULL)),
    CHECK (ended_at >= started_at)
);
CREATE INDEX show_of_shop ON live.show (shop_id, starts_at DESC);
-- A camera films one show at a time.
CREATE UNIQUE INDEX show_on_channel ON live.show (channel_id) WHERE status = 'live';

CREATE TABLE live.offer (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    show_id         bigint NOT NULL REFERENCES live.show,
    product_id      bigint NOT NULL,
    policy          text NOT NULL CHECK (policy IN ('timer', 'first_paid', 'queue')),
    hold_seconds    int NOT NULL CHECK (hold_seconds BETWEEN 15 AND 86400),
    limit_per_buyer int CHECK (limit_per_buyer > 0),
    deposit_percent int CHECK (deposit_percent BETWEEN 1 AND 99),
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (show_id, product_id)
);

CREATE TABLE live.offer_line (
    offer_id    bigint NOT NULL REFERENCES live.offer,
    variant_id  bigint NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor BETWEEN 0 AND 1000000000000),
    currency    text NOT NULL,
    quota       int CHECK (quota BETWEEN 0 AND 1000000),
    position    int NOT NULL,
    PRIMARY KEY (offer_id, variant_id)
);

-- Every price there ever was.
CREATE TABLE live.offer_price (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    offer_id    bigint NOT NULL,
    variant_id  bigint NOT NULL,
    price_minor bigint NOT NULL,
    currency    text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    by_person   bigint,
    reason      text NOT NULL,
    FOREIGN KEY (offer_id, variant_id) REFERENCES live.offer_line
);
CREATE INDEX offer_price_of_line ON live.offer_price (offer_id, variant_id, at);

CREATE FUNCTION live.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'rows of %.% are never changed', TG_TABLE_SCHEMA, TG_TABLE_NAME; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON live.offer_price
    FOR EACH ROW EXECUTE FUNCTION live.refuse_change();

-- The run of show, in order.
CREATE TABLE live.slot (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    show_id  bigint NOT NULL REFERENCES live.show,
    offer_id bigint REFERENCES live.offer,
    position int NOT NULL,
    minutes  int NOT NULL CHECK (minutes BETWEEN 0 AND 1440),
    role     text NOT NULL DEFAULT 'hero',
    title    text NOT NULL DEFAULT '',
    script   text NOT NULL DEFAULT '',
    UNIQUE (show_id, position) DEFERRABLE INITIALLY DEFERRED
);

-- When an offer was explained: from, to, on the wall clock and on the clock of the video (ms since 1970).
CREATE TABLE live.explained (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    show_id     bigint NOT NULL REFERENCES live.show,
    offer_id    bigint NOT NULL REFERENCES live.offer,
    began_at    timestamptz NOT NULL,
    began_video bigint NOT NULL,
    ended_at    timestamptz,
    ended_video bigint,
    by_person   bigint,
    CHECK (ended_at >= began_at),
    CHECK ((ended_at IS NULL) = (ended_video IS NULL))
);
CREATE UNIQUE INDEX explained_now ON live.explained (show_id) WHERE ended_at IS NULL;
CREATE INDEX explained_in_show ON live.explained (show_id, began_at);

-- What the host put right on air, and notices.  Kept with the show.
CREATE TABLE live.notice (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    show_id    bigint NOT NULL REFERENCES live.show,
    kind       text NOT NULL CHECK (kind IN ('notice', 'correction')),
    text       text NOT NULL CHECK (length(text) BETWEEN 1 AND 500),
    texts      jsonb NOT NULL DEFAULT '{}',
    offer_id   bigint REFERENCES live.offer,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    video      bigint NOT NULL,
    by_person  bigint
);
CREATE INDEX notice_of_show ON live.notice (show_id, at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON live.notice
    FOR EACH ROW EXECUTE FUNCTION live.refuse_change();

CREATE TABLE live.counter (
    show_id bigint PRIMARY KEY REFERENCES live.show,
    orders  bigint NOT NULL DEFAULT 0 CHECK (orders >= 0),
    likes   bigint NOT NULL DEFAULT 0 CHECK (likes >= 0)
);

-- Units people wait for, told by whoever keeps the waiting list.
CREATE TABLE live.waiting (
    show_id    bigint NOT NULL REFERENCES live.show,
    variant_id bigint NOT NULL,
    units      bigint NOT NULL CHECK (units >= 0),
    PRIMARY KEY (show_id, variant_id)
);

-- How many are watching, by process, for a few seconds at a time.  Need not survive a crash: the viewers of
-- a process that died must not.
CREATE UNLOGGED TABLE live.presence_lease (
    process    text NOT NULL,
    show_id    bigint NOT NULL,
    viewers    int NOT NULL CHECK (viewers >= 0),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (show_id, process)
);

CREATE VIEW live.v_show AS
SELECT id, shop_id, title, titles, status, channel_id, host_id, pool_id, starts_at, started_at, ended_at, viewers_peak
  FROM live.show;

-- What a buyer may buy, on which terms.
CREATE VIEW live.v_offer_line AS
SELECT line.offer_id, offer.show_id, show.shop_id, offer.product_id, line.variant_id, line.price_minor, line.currency,
       line.quota, offer.policy, offer.hold_seconds, offer.limit_per_buyer, show.limit_per_show,
       offer.deposit_percent, show.pool_id, show.status AS show_status, show.host_id
  FROM live.offer_line line
  JOIN live.offer ON offer.id = line.offer_id
  JOIN live.show ON show.id = offer.show_id;

CREATE VIEW live.v_explained AS
SELECT explained.id, explained.show_id, show.shop_id, explained.offer_id, offer.product_id,
       explained.began_at, explained.began_video, explained.ended_at, explained.ended_video
  FROM live.explained
  JOIN live.show ON show.id = explained.show_id
  JOIN live.offer ON offer.id = explained.offer_id;
