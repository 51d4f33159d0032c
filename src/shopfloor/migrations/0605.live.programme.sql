-- What a shop's page asks for: what is on air, what comes, the last few that were; in this order, however many were.
-- A row a show: the index of thousands is made within milliseconds.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX show_programme
    ON live.show (shop_id, status, (coalesce(started_at, starts_at, created_at)) DESC, id DESC);
