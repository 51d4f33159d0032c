-- Which buyers are one customer: the account they are signed in to, as the modules above name it (a name only, so
-- that nothing here points up).  What is kept unpaid is counted for all of them together.
ALTER TABLE stock.proven ADD COLUMN account uuid;
