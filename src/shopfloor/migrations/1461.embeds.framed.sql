-- A browser keeps cookies of a frame apart from those of the shop's own pages, so one person is two shoppers.  What the one
-- in the frame (`framed`) has reserved may be paid by the one that followed its link (`opened_by`), until then.
CREATE TABLE embeds.framed (
  shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
  framed     uuid NOT NULL,
  opened_by  uuid NOT NULL CHECK (opened_by <> framed),
  until      timestamptz NOT NULL,
  PRIMARY KEY (shop_id, framed, opened_by)
);
CREATE INDEX framed_opened_by ON embeds.framed (shop_id, opened_by);
CREATE INDEX framed_until ON embeds.framed (until);

CREATE VIEW embeds.v_framed AS
SELECT shop_id, framed, opened_by, until FROM embeds.framed WHERE until > now();
