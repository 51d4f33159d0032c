-- Rows from before are looked at in a transaction of its own, which keeps nobody from writing.
ALTER TABLE chat.line VALIDATE CONSTRAINT line_show_in_shop;
ALTER TABLE chat.moderation VALIDATE CONSTRAINT moderation_show_in_shop;
