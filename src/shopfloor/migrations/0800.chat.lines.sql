-- What people say in rooms, and what was done about it.  Nothing said is ever deleted here.
CREATE SCHEMA chat;

CREATE TABLE chat.line (
    id          uuid PRIMARY KEY,
    shop_id     bigint NOT NULL,
    show_id     bigint NOT NULL,
    shopper     uuid NOT NULL,
    name        text NOT NULL,
    text        text NOT NULL CHECK (length(text) BETWEEN 1 AND 500),
    fingerprint text NOT NULL,
    role        text NOT NULL CHECK (role IN ('viewer', 'host', 'moderator', 'buyer', 'system')),
    state       text NOT NULL CHECK (state IN ('shown', 'held', 'hidden')),
    reason      text CHECK ((reason IS NULL) = (state = 'shown')),
    asks        jsonb NOT NULL,
    at          timestamptz NOT NULL
);
CREATE INDEX line_recent ON chat.line (show_id, at DESC) WHERE state = 'shown';
CREATE INDEX line_held ON chat.line (shop_id, at) WHERE state = 'held';
CREATE INDEX line_of_shopper ON chat.line (show_id, shopper, at DESC);
CREATE INDEX line_same ON chat.line (show_id, fingerprint, at DESC);

CREATE TABLE chat.mute (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id   bigint NOT NULL,
    shopper   uuid NOT NULL,
    until     timestamptz NOT NULL,
    reason    text NOT NULL,
    lifted_at timestamptz
);
CREATE INDEX mute_of_shopper ON chat.mute (shop_id, shopper, until DESC);

CREATE TABLE chat.blocked_word (
    shop_id bigint NOT NULL,
    word    text NOT NULL,
    PRIMARY KEY (shop_id, word)
);

-- Those who bought in a show: their lines carry it, and are always shown.
CREATE TABLE chat.buyer (
    show_id bigint NOT NULL,
    shopper uuid NOT NULL,
    PRIMARY KEY (show_id, shopper)
);

-- Who did what to whom, and why.
CREATE TABLE chat.moderation (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id   bigint NOT NULL,
    show_id   bigint,
    line_id   uuid REFERENCES chat.line,
    shopper   uuid,
    action    text NOT NULL CHECK (action IN ('hold', 'approve', 'hide', 'mute', 'unmute', 'block_word', 'allow_word')),
    reason    text NOT NULL,
    note      text NOT NULL DEFAULT '',
    by_person bigint,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX moderation_of_shop ON chat.moderation (shop_id, at DESC);

CREATE FUNCTION chat.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'rows of %.% are never changed', TG_TABLE_SCHEMA, TG_TABLE_NAME; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON chat.moderation
    FOR EACH ROW EXECUTE FUNCTION chat.refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON chat.line
    FOR EACH ROW EXECUTE FUNCTION chat.refuse_change();

CREATE VIEW chat.v_line AS
SELECT id, shop_id, show_id, shopper, name, text, role, state, reason, asks, at FROM chat.line;
