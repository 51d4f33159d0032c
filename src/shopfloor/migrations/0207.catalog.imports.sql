-- What a merchant was asked for elsewhere before: kept with the variant, shown as a list price, and exported.
ALTER TABLE catalog.variant ADD COLUMN compare_at_minor bigint;
ALTER TABLE catalog.variant ADD CONSTRAINT variant_compare_at CHECK (compare_at_minor > 0) NOT VALID;

-- Pictures named in an imported file are fetched in the background.  Those named before, and by the previous
-- release, are only kept for the export, as they were.
ALTER TABLE catalog.picture_source ADD COLUMN state text NOT NULL DEFAULT 'kept';
ALTER TABLE catalog.picture_source ADD COLUMN attempts int NOT NULL DEFAULT 0;
ALTER TABLE catalog.picture_source ADD COLUMN due_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE catalog.picture_source ADD COLUMN reason text NOT NULL DEFAULT '';
ALTER TABLE catalog.picture_source ADD COLUMN upload text;
ALTER TABLE catalog.picture_source ADD COLUMN picture_sha text;
ALTER TABLE catalog.picture_source ADD CONSTRAINT picture_source_state
    CHECK (state IN ('kept', 'waiting', 'fetched', 'failed')) NOT VALID;

-- Made while no picture waits: there is nothing in it.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX picture_source_due ON catalog.picture_source (due_at) WHERE state = 'waiting';
