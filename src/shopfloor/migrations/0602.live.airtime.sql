-- When shows had a channel on air: then its video is for everybody.
-- A row a show: the index of thousands is made within milliseconds.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX show_airtime ON live.show (channel_id, started_at) WHERE started_at IS NOT NULL;
