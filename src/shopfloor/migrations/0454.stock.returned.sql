-- For the modules above: units of a hold that stand on a shelf again, as the journal has them.  Months that were closed
-- are not in it.
CREATE VIEW stock.v_returned AS
SELECT m.at, l.shop_id, m.reason AS hold, l.variant_id, l.location_id, m.quantity
  FROM stock.movement m JOIN stock.level l ON l.id = m.level_id
 WHERE m.kind = 'returned';
