-- When somebody put the list of the first day away.
ALTER TABLE accounts.shop ADD COLUMN first_day_done_at timestamptz;
