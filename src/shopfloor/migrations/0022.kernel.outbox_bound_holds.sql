ALTER TABLE kernel.outbox VALIDATE CONSTRAINT outbox_first_ends;
