CREATE SCHEMA replays;

-- A shop may keep the replay of a show from everybody else; the recording stays.
CREATE TABLE replays.hidden (
    show_id   bigint PRIMARY KEY REFERENCES live.show (id),
    shop_id   bigint NOT NULL,
    hidden_at timestamptz NOT NULL DEFAULT now(),
    by_person bigint
);

-- The film of a moment in which an offer was in view, cut from the recording once the show is over.  `id` is that of
-- the moment (live.explained).
CREATE TABLE replays.clip (
    id           bigint PRIMARY KEY REFERENCES live.explained (id),
    shop_id      bigint NOT NULL,
    show_id      bigint NOT NULL REFERENCES live.show (id),
    channel_id   bigint NOT NULL REFERENCES media.channel (id),
    offer_id     bigint NOT NULL REFERENCES live.offer (id),
    product_id   bigint NOT NULL REFERENCES catalog.product (id),
    began_video  bigint NOT NULL,
    milliseconds integer NOT NULL CHECK (milliseconds > 0),
    size         bigint NOT NULL CHECK (size > 0),
    sha256       bytea NOT NULL CHECK (length(sha256) = 32),
    has_picture  boolean NOT NULL DEFAULT false,
    made_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX clip_of_show ON replays.clip (show_id);
CREATE INDEX clip_of_product ON replays.clip (shop_id, product_id, began_video DESC);
