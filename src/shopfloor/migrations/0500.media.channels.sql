-- Channels and their keys; what was published on them, segment by segment; what is missing; product moments.
CREATE SCHEMA media;

CREATE TABLE media.channel (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id        bigint NOT NULL,
    name           text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    -- SHA-256 of a random key of 192 bits: nothing to guess, so nothing to stretch.
    key_hash       bytea NOT NULL CHECK (octet_length(key_hash) = 32),
    created_at     timestamptz NOT NULL DEFAULT now(),
    key_changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX channel_of_shop ON media.channel (shop_id, id);

-- One unbroken stream from one publisher with one set of codec parameters.
CREATE TABLE media.run (
    id              uuid PRIMARY KEY,
    channel_id      bigint NOT NULL REFERENCES media.channel,
    shop_id         bigint NOT NULL,
    anchor          timestamptz NOT NULL,
    ended_at        timestamptz,
    end_cause       text,
    codecs          text NOT NULL,
    width           int NOT NULL CHECK (width >= 0),
    height          int NOT NULL CHECK (height >= 0),
    target_duration int NOT NULL CHECK (target_duration > 0),
    init_sha256     bytea NOT NULL CHECK (octet_length(init_sha256) = 32),
    init_length     int NOT NULL CHECK (init_length > 0),
    file            text NOT NULL,
    chain           bytea NOT NULL CHECK (octet_length(chain) = 32),
    CHECK ((ended_at IS NULL) = (end_cause IS NULL)),
    CHECK (ended_at >= anchor)
);
CREATE INDEX run_of_channel ON media.run (channel_id, anchor);
CREATE INDEX run_open ON media.run (channel_id) WHERE ended_at IS NULL;

CREATE TABLE media.segment (
    run_id      uuid NOT NULL REFERENCES media.run,
    msn         bigint NOT NULL,
    pdt         timestamptz NOT NULL,
    dts         bigint NOT NULL CHECK (dts >= 0),
    duration    int NOT NULL CHECK (duration > 0),
    position    bigint NOT NULL CHECK (position > 0),
    length      int NOT NULL CHECK (length > 0),
    sha256      bytea NOT NULL CHECK (octet_length(sha256) = 32),
    chain       bytea NOT NULL CHECK (octet_length(chain) = 32),
    independent boolean NOT NULL,
    audio_end   bigint NOT NULL,
    PRIMARY KEY (run_id, msn)
);

CREATE TABLE media.gap (
    id           uuid PRIMARY KEY,
    channel_id   bigint NOT NULL REFERENCES media.channel,
    run_id       uuid NOT NULL REFERENCES media.run,
    cause        text NOT NULL CHECK (cause IN ('run', 'stall', 'disk')),
    started_at   timestamptz NOT NULL,
    milliseconds int NOT NULL CHECK (milliseconds >= 0)
);
CREATE INDEX gap_of_run ON media.gap (run_id, started_at);

CREATE TABLE media.moment (
    channel_id bigint NOT NULL REFERENCES media.channel,
    id         text NOT NULL,
    sku        text NOT NULL,
    start      timestamptz NOT NULL,
    "end"      timestamptz,
    PRIMARY KEY (channel_id, id),
    CHECK ("end" >= start)
);
CREATE INDEX moment_by_time ON media.moment (channel_id, start);
