-- Under which epoch a batch of the journal was written; 0 for those from before this was recorded.
ALTER TABLE journal ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
