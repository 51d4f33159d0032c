-- A line of chat that stands above the others, and how many seconds one shopper waits between two lines (0: as ever).
ALTER TABLE live.show ADD COLUMN pinned jsonb;
-- Added with its default at once; the table has a row for each show.
ALTER TABLE live.show ADD COLUMN slow_seconds int NOT NULL DEFAULT 0
  CONSTRAINT slow_seconds_in_range CHECK (slow_seconds BETWEEN 0 AND 300);

-- When a question was answered, on the clock of the video.
ALTER TABLE chat.line ADD COLUMN answered bigint;
