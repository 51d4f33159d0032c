-- When shows had a channel on air: then its video is for everybody.
CREATE INDEX show_airtime ON live.show (channel_id, started_at) WHERE started_at IS NOT NULL;
