-- For the journal entries of one payment.
create index journal_entries_reference on journal_entries (reference, id) where reference <> '';
