-- Readers sleep until facts are committed.  A trigger, because facts are written from several places, and once a
-- statement; PostgreSQL sends one notice a transaction, however many statements it had.
CREATE FUNCTION kernel.notify_facts() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('shopfloor_facts', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER outbox_notify AFTER INSERT ON kernel.outbox
    FOR EACH STATEMENT EXECUTE FUNCTION kernel.notify_facts();
