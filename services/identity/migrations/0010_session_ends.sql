-- A session also ends when its user proves again who they are and gets another one in its place, and when the user has too
-- many.
alter table sessions drop constraint sessions_end_reason_check;
alter table sessions add constraint sessions_end_reason_check
  check (end_reason in ('SIGNED_OUT', 'PASSWORD_CHANGED', 'TOKEN_REUSED', 'REPLACED', 'TOO_MANY'));
