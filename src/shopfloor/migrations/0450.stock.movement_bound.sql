DO $$ BEGIN PERFORM kernel.bound_first('stock', 'movement', 'at'); END $$;
