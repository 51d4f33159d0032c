CREATE SCHEMA auctions;

-- A lot of one variant that goes to whoever bids most.  Its units are `hold_id`, of a buyer that is nobody (`house`),
-- until somebody wins.  `steps`: by how much the price rises, from which price on.  A bid in the last
-- `extend_seconds` moves the end, to `latest_end` at most.  Amounts are for the whole lot; `leader_max_minor` is sealed.
CREATE TABLE auctions.auction (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id          bigint NOT NULL,
    show_id          bigint NOT NULL,
    offer_id         bigint NOT NULL,
    variant_id       bigint NOT NULL,
    key              uuid NOT NULL,
    title            text NOT NULL,
    titles           jsonb NOT NULL,
    options          text[] NOT NULL,
    picture          text,
    quantity         int NOT NULL CHECK (quantity BETWEEN 1 AND 1000),
    currency         text NOT NULL,
    start_minor      bigint NOT NULL CHECK (start_minor BETWEEN quantity AND 1000000000000),
    reserve_minor    bigint CHECK (reserve_minor BETWEEN start_minor AND 1000000000000),
    steps            jsonb NOT NULL,
    seconds          int NOT NULL CHECK (seconds BETWEEN 10 AND 3600),
    extend_seconds   int NOT NULL CHECK (extend_seconds BETWEEN 0 AND 120),
    pay_minutes      int NOT NULL CHECK (pay_minutes BETWEEN 5 AND 4320),
    opened_at        timestamptz NOT NULL,
    ends_at          timestamptz NOT NULL CHECK (ends_at > opened_at),
    latest_end       timestamptz NOT NULL,
    house            uuid NOT NULL,
    hold_id          uuid NOT NULL,
    state            text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'sold', 'unsold', 'cancelled')),
    why              text CHECK (why IN ('no_bids', 'reserve', 'unpaid', 'no_units', 'show_ended', 'mistake', 'damaged',
                                         'not_available', 'technical', 'by_shop')),
    bids             int NOT NULL DEFAULT 0 CHECK (bids >= 0),
    price_minor      bigint,
    leader           int,
    leader_max_minor bigint,
    one_network      int NOT NULL DEFAULT 0,
    closed_at        timestamptz,
    by_person        bigint,
    closed_by        bigint,
    UNIQUE (shop_id, id),
    UNIQUE (shop_id, key),
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id),
    FOREIGN KEY (shop_id, offer_id) REFERENCES live.offer (shop_id, id),
    FOREIGN KEY (shop_id, variant_id) REFERENCES catalog.variant (shop_id, id),
    CHECK (ends_at <= latest_end),
    CHECK ((bids = 0) = (leader IS NULL)),
    CHECK ((leader IS NULL) = (price_minor IS NULL) AND (leader IS NULL) = (leader_max_minor IS NULL)),
    CHECK (price_minor <= leader_max_minor),
    CHECK ((state = 'open') = (closed_at IS NULL)),
    CHECK ((state IN ('unsold', 'cancelled')) = (why IS NOT NULL))
);
CREATE INDEX auction_of_show ON auctions.auction (show_id, id);
-- One at a time in a show.
CREATE UNIQUE INDEX auction_running ON auctions.auction (show_id) WHERE state = 'open';
CREATE INDEX auction_due ON auctions.auction (ends_at) WHERE state = 'open';

-- Who bids, by the number that everybody sees.  `accepted_at`: when they accepted the terms.
CREATE TABLE auctions.bidder (
    auction_id  bigint NOT NULL,
    paddle      int NOT NULL CHECK (paddle > 0),
    shop_id     bigint NOT NULL,
    customer    uuid,
    shopper     uuid NOT NULL,
    name        text NOT NULL DEFAULT '',
    accepted_at timestamptz NOT NULL,
    PRIMARY KEY (auction_id, paddle),
    UNIQUE (shop_id, auction_id, paddle),
    FOREIGN KEY (shop_id, auction_id) REFERENCES auctions.auction (shop_id, id)
);
CREATE UNIQUE INDEX bidder_of_customer ON auctions.bidder (auction_id, customer) WHERE customer IS NOT NULL;
CREATE INDEX bidder_of_shopper ON auctions.bidder (shop_id, shopper);

-- The ledger: every bid that was taken, in the order of taking, with the price, the leader and the end that it led to.
CREATE TABLE auctions.bid (
    auction_id  bigint NOT NULL,
    seq         int NOT NULL CHECK (seq > 0),
    shop_id     bigint NOT NULL,
    key         uuid NOT NULL,
    paddle      int NOT NULL,
    max_minor   bigint NOT NULL CHECK (max_minor BETWEEN 1 AND 1000000000000),
    price_minor bigint NOT NULL,
    leader      int NOT NULL,
    at          timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL CHECK (ends_at > at),
    PRIMARY KEY (auction_id, seq),
    UNIQUE (auction_id, key),
    FOREIGN KEY (shop_id, auction_id, paddle) REFERENCES auctions.bidder (shop_id, auction_id, paddle)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON auctions.bid
    FOR EACH ROW EXECUTE FUNCTION live.refuse_change();

-- Where bids came from, as a salted key: kept until the auction is over, for what is counted then.
CREATE TABLE auctions.origin (
    auction_id bigint NOT NULL,
    paddle     int NOT NULL,
    network    bigint NOT NULL,
    shop_id    bigint NOT NULL,
    PRIMARY KEY (auction_id, paddle, network),
    FOREIGN KEY (shop_id, auction_id, paddle) REFERENCES auctions.bidder (shop_id, auction_id, paddle)
);

-- Bids that were not taken, where somebody may ask why.
CREATE TABLE auctions.refused (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    auction_id bigint NOT NULL,
    shop_id    bigint NOT NULL,
    customer   uuid,
    max_minor  bigint NOT NULL,
    reason     text NOT NULL CHECK (reason IN ('over', 'too_low', 'staff', 'barred')),
    at         timestamptz NOT NULL,
    FOREIGN KEY (shop_id, auction_id) REFERENCES auctions.auction (shop_id, id)
);
CREATE INDEX refused_of_auction ON auctions.refused (auction_id, customer, id);

-- Who may have the lot at which price, until when: the winner, then the next bidder, once.
CREATE TABLE auctions.win (
    auction_id  bigint NOT NULL,
    place       int NOT NULL CHECK (place IN (1, 2)),
    shop_id     bigint NOT NULL,
    paddle      int NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor > 0),
    hold_id     uuid NOT NULL UNIQUE,
    state       text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'ordered', 'paid', 'lapsed', 'called_off')),
    asked_at    timestamptz NOT NULL,
    deadline    timestamptz NOT NULL CHECK (deadline > asked_at),
    look_at     timestamptz NOT NULL,
    order_id    uuid,
    PRIMARY KEY (auction_id, place),
    FOREIGN KEY (shop_id, auction_id, paddle) REFERENCES auctions.bidder (shop_id, auction_id, paddle),
    CHECK (state NOT IN ('ordered', 'paid') OR order_id IS NOT NULL)
);
CREATE UNIQUE INDEX win_standing ON auctions.win (auction_id) WHERE state IN ('asked', 'ordered', 'paid');
CREATE INDEX win_due ON auctions.win (look_at) WHERE state = 'asked';

-- Who won and did not pay.
CREATE TABLE auctions.strike (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id    bigint NOT NULL,
    auction_id bigint NOT NULL UNIQUE,
    customer   uuid,
    at         timestamptz NOT NULL,
    lifted_at  timestamptz,
    lifted_by  bigint,
    FOREIGN KEY (shop_id, auction_id) REFERENCES auctions.auction (shop_id, id)
);
CREATE INDEX strike_of_customer ON auctions.strike (shop_id, customer, at) WHERE lifted_at IS NULL;

-- What is kept of one person.
CREATE VIEW auctions.v_bid AS
SELECT b.shop_id, r.shopper, r.customer, a.id AS auction_id, a.title, a.currency, b.seq, b.max_minor, b.price_minor, r.name,
       b.at
  FROM auctions.bid b
  JOIN auctions.bidder r ON r.auction_id = b.auction_id AND r.paddle = b.paddle
  JOIN auctions.auction a ON a.id = b.auction_id;
