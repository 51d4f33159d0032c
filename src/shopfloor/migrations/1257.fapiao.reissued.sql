-- A fapiao that is issued anew: a red one takes back all of the first, and another one follows.  `edition`: which of
-- them, from 1; each has one blue paper and its own red ones.
ALTER TABLE fapiao.request ADD COLUMN edition int NOT NULL DEFAULT 1;
ALTER TABLE fapiao.paper ADD COLUMN edition int NOT NULL DEFAULT 1;
-- What was unique of a request is so of an edition below; the previous release writes the first only.
-- squawk-ignore ban-drop-constraint
ALTER TABLE fapiao.paper DROP CONSTRAINT paper_request_id_source_key;
-- As above; a table of thousands is locked for milliseconds.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX fapiao.paper_blue_once;
-- A fapiao a request: the indexes of thousands are made within milliseconds.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX paper_blue_of_edition ON fapiao.paper (request_id, edition) WHERE kind = 'blue';
-- As above.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX paper_source_of_edition ON fapiao.paper (request_id, edition, source);
