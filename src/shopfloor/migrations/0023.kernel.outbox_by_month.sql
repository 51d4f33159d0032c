-- Names alone change hands: no row is read or moved.
DO $$ BEGIN PERFORM kernel.cut('kernel', 'outbox', 'recorded_at'); END $$;
-- The same trigger, where rows come in now.
DROP TRIGGER outbox_notify ON kernel.outbox_first;
CREATE TRIGGER outbox_notify AFTER INSERT ON kernel.outbox
    FOR EACH STATEMENT EXECUTE FUNCTION kernel.notify_facts();
