ALTER TABLE live.card VALIDATE CONSTRAINT card_kind_check;
