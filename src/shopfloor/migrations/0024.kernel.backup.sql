-- Backups that were taken of this installation, for those who ask when the last one was.
CREATE TABLE kernel.backup (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    taken_at timestamptz NOT NULL,
    place    text NOT NULL,
    bytes    bigint NOT NULL,
    seconds  double precision NOT NULL
);
CREATE INDEX backup_taken ON kernel.backup (taken_at);
