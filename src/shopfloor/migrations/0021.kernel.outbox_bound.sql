DO $$ BEGIN PERFORM kernel.bound_first('kernel', 'outbox', 'recorded_at'); END $$;
