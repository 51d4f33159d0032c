-- Other platforms that the stream of a channel is passed on to while a show runs.  The key is sealed (`kernel.secrets`).
CREATE TABLE media.destination (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id     bigint NOT NULL,
    channel_id  bigint NOT NULL,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    url         text NOT NULL CHECK (length(url) BETWEEN 1 AND 500),
    sealed_key  bytea NOT NULL,
    code        text NOT NULL CHECK (code ~ '^[a-z0-9-]{1,32}$'),
    is_on       boolean NOT NULL DEFAULT true,
    version     integer NOT NULL DEFAULT 1,
    state       text NOT NULL DEFAULT 'idle' CHECK (state IN ('idle', 'connecting', 'live', 'waiting')),
    why         text NOT NULL DEFAULT '',
    dropped     bigint NOT NULL DEFAULT 0,
    state_at    timestamptz NOT NULL DEFAULT now(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (shop_id, code),
    FOREIGN KEY (shop_id, channel_id) REFERENCES media.channel (shop_id, id)
);
CREATE INDEX destination_of_channel ON media.destination (channel_id);
