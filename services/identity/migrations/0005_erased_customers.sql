-- Customers without a user: guests, and users of another issuer. A guest whose order a user has claimed is that person.
alter table user_erasures add column of_user_id text references user_erasures;
create index user_erasures_of_user on user_erasures (of_user_id) where of_user_id is not null;
