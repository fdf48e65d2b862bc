-- True if the customer has chosen the language. Of those with the default one nobody knows; the other was chosen. Earlier versions
-- do not set it: who chooses the other language with one of them has chosen, too.
alter table contacts add column language_chosen boolean not null default false;
update contacts set language_chosen = true where language <> 'en';
