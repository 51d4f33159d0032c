-- Tables that grow with time are cut by months.  What no month has been made for goes to the partition that takes
-- the rest, so that nothing is ever refused for want of one.
CREATE TABLE kernel.partition (
    parent text NOT NULL,
    name   text NOT NULL,
    since  timestamptz,
    until  timestamptz NOT NULL,
    PRIMARY KEY (parent, name)
);

-- Make the month that begins on `month`, unless it is there: what the rest has of it moves there.  Says its name, or
-- nothing.  Like the rest, it has its own indexes; none are on the parent.
CREATE FUNCTION kernel.add_partition(table_schema text, table_name text, month date) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    made   text := format('%s_%s', table_name, to_char(month, 'YYYY_MM'));
    begins timestamptz := month::timestamp AT TIME ZONE 'UTC';
    ends   timestamptz := (month + interval '1 month')::timestamp AT TIME ZONE 'UTC';
    whole  text := format('%I.%I', table_schema, table_name);
    rest   text := format('%I.%I', table_schema, table_name || '_rest');
    target text := format('%I.%I', table_schema, made);
    key    text;
    moving boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(whole, 0));
    IF EXISTS (SELECT FROM kernel.partition AS p WHERE p.parent = whole AND p.until > begins) THEN
        RETURN NULL;
    END IF;
    SELECT a.attname INTO key FROM pg_partitioned_table AS t
      JOIN pg_attribute AS a ON a.attrelid = t.partrelid AND a.attnum = t.partattrs[0]
     WHERE t.partrelid = whole::regclass;
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING INDEXES)', target, rest);
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I >= %L AND %I < %L)', rest, key, begins, key, ends) INTO moving;
    IF moving THEN
        EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', whole, rest);
        EXECUTE format('WITH gone AS (DELETE FROM %s WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO %s SELECT * FROM gone',
                       rest, key, begins, key, ends, target);
    END IF;
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', whole, target, begins, ends);
    IF moving THEN
        EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s DEFAULT', whole, rest);
    END IF;
    INSERT INTO kernel.partition (parent, name, since, until) VALUES (whole, made, begins, ends);
    RETURN made;
END
$$;

-- Whoever calls it has made sure that nothing is lost.
CREATE FUNCTION kernel.drop_partition(table_schema text, table_name text, partition text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM kernel.partition AS p
     WHERE p.parent = format('%I.%I', table_schema, table_name) AND p.name = partition;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is no partition of %.%', partition, table_schema, table_name;
    END IF;
    EXECUTE format('ALTER TABLE %I.%I DETACH PARTITION %I.%I', table_schema, table_name, table_schema, partition);
    EXECUTE format('DROP TABLE %I.%I', table_schema, partition);
END
$$;

-- Cut a table in three steps, each a migration of its own: bound what is there, check it while others write, and put
-- it below a new parent.  What is there is the first partition; it ends where the month after next begins.
CREATE FUNCTION kernel.bound_first(table_schema text, table_name text, key text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT %I CHECK (%I IS NOT NULL AND %I < %L) NOT VALID',
                   table_schema, table_name, table_name || '_first_ends', key, key,
                   (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months') AT TIME ZONE 'UTC');
END
$$;

CREATE FUNCTION kernel.cut(table_schema text, table_name text, key text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    whole text := format('%I.%I', table_schema, table_name);
    first text := format('%I.%I', table_schema, table_name || '_first');
    rest  text := format('%I.%I', table_schema, table_name || '_rest');
    ends  timestamptz;
    next  bigint;
BEGIN
    SELECT (regexp_match(pg_get_constraintdef(oid), '< ''([^'']+)'''))[1]::timestamptz INTO ends
      FROM pg_constraint WHERE conrelid = whole::regclass AND conname = table_name || '_first_ends';
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', whole);
    EXECUTE format('SELECT nextval(pg_get_serial_sequence(%L, ''id''))', whole) INTO next;
    EXECUTE format('ALTER TABLE %s RENAME TO %I', whole, table_name || '_first');
    EXECUTE format('ALTER TABLE %s ALTER COLUMN id DROP IDENTITY', first);
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING STORAGE) PARTITION BY RANGE (%I)', whole, first, key);
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING INDEXES)', rest, first);
    EXECUTE format('ALTER TABLE %s ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (START WITH %s)', whole, next);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (MINVALUE) TO (%L)', whole, first, ends);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s DEFAULT', whole, rest);
    INSERT INTO kernel.partition (parent, name, until) VALUES (whole, table_name || '_first', ends);
END
$$;

-- How far in time a work that goes through a table bit by bit has come.
CREATE TABLE kernel.progress (
    work text PRIMARY KEY,
    upto timestamptz NOT NULL
);
