-- When the content of a message that was worked off long ago was emptied.
ALTER TABLE payments.inbox ADD COLUMN emptied_at timestamptz;
-- A row per message of a provider: read in no time, and a message can wait for it.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX inbox_to_empty ON payments.inbox (done_at) WHERE emptied_at IS NULL;
