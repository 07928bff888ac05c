-- A listing that is sold no more shows 0: `explain` has to know it.
ALTER TABLE channel_state ADD COLUMN retired boolean NOT NULL DEFAULT false;
