CREATE SCHEMA polls;

-- A question to the room with two to four answers.  `counts`: the votes for each, in their order.
CREATE TABLE polls.poll (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id   bigint NOT NULL,
    show_id   bigint NOT NULL,
    question  text NOT NULL CHECK (length(question) BETWEEN 1 AND 120),
    answers   text[] NOT NULL CHECK (cardinality(answers) BETWEEN 2 AND 4),
    counts    int[] NOT NULL CHECK (cardinality(counts) = cardinality(answers)),
    opened_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL CHECK (closes_at > opened_at),
    closed_at timestamptz,
    by_person bigint,
    UNIQUE (shop_id, id),
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id)
);
CREATE INDEX poll_of_show ON polls.poll (show_id, id);
-- One question at a time.
CREATE UNIQUE INDEX poll_running ON polls.poll (show_id) WHERE closed_at IS NULL;

-- A browser votes once, and what it said stays.
CREATE TABLE polls.vote (
    poll_id  bigint NOT NULL,
    shop_id  bigint NOT NULL,
    shopper  uuid NOT NULL,
    answer   int NOT NULL CHECK (answer BETWEEN 0 AND 3),
    voted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (poll_id, shopper),
    FOREIGN KEY (shop_id, poll_id) REFERENCES polls.poll (shop_id, id)
);
