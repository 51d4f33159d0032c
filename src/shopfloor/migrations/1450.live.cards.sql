-- What stands beside the featured product of a show: one card of each kind, as rooms show it.  `subject`: the number of
-- what it tells of, in the module that put it there.
CREATE TABLE live.card (
    show_id bigint NOT NULL REFERENCES live.show (id),
    kind    text NOT NULL CHECK (kind IN ('giveaway', 'poll', 'coupon')),
    subject bigint NOT NULL,
    state   jsonb NOT NULL,
    PRIMARY KEY (show_id, kind)
);
CREATE INDEX card_of_subject ON live.card (kind, subject);
