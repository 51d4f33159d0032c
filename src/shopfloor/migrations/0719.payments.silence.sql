-- Since when money comes through an account without a message about it; nobody's word is waited for, but somebody is told.
ALTER TABLE payments.connection ADD COLUMN silent_since timestamptz;
-- A row per attempt or message: read in no time, and a payment can wait for it.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX payment_by_connection ON payments.payment (connection_id, created_at) WHERE connection_id IS NOT NULL;
-- A row per attempt or message: read in no time, and a payment can wait for it.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX inbox_by_connection ON payments.inbox (connection_id, received_at);
-- What failed waits for a person, and is counted on the first page of the console.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX refund_try_failed ON payments.refund_try (shop_id)
  WHERE state = 'failed' OR (state = 'pending' AND reason = 'stuck');
