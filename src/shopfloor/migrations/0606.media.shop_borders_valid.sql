-- Rows from before are looked at in a transaction of its own, which keeps nobody from writing.
ALTER TABLE media.run VALIDATE CONSTRAINT run_channel_in_shop;
