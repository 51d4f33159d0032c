ALTER TABLE stock.movement VALIDATE CONSTRAINT movement_first_ends;
