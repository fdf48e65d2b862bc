import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";

/** The services that keep personal data of a user, and delete it after the user. */
const services = ["order", "payment", "shipping", "notifier"];

/** The deletion of a user's personal data. */
export type UserErasure = {
  readonly userId: string;
  readonly requestTime: Date;
  readonly services: readonly { readonly service: string; readonly doneTime: Date | undefined }[];
};

/** Records that the personal data of these users, who are deleted, is to be deleted in every service. */
export async function insertErasures(tx: Queryable, userIds: readonly string[]): Promise<void> {
  await tx.query({
    name: "insert-user-erasures",
    text: `with erasure as (
             insert into user_erasures (user_id) select id from unnest($1::text[]) as deleted (id) order by id
             on conflict do nothing returning user_id)
           insert into user_erasure_services (user_id, service)
           select user_id, service from erasure cross join unnest($2::text[]) as s (service)`,
    values: [userIds, services],
  });
}

/** Locks the erasure of an id, whether it is recorded or not, until the transaction ends. */
export async function lockErasure(tx: Transaction, id: string): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtext('sagacart.erase-customer ' || $1))", [id]);
}

/** Records that an erased customer is the same person as an erased user. Returns false if that user is not erased. */
export async function linkErasure(db: Queryable, customerId: string, userId: string): Promise<boolean> {
  const { rowCount } = await db.query({
    name: "link-user-erasure",
    text: `update user_erasures set of_user_id = user_id_of from (select user_id as user_id_of from user_erasures
             where user_id = $2) as owner where user_id = $1`,
    values: [customerId, userId],
  });
  return rowCount === 1;
}

/** Finds the deletion of a user's personal data, with its services by name. */
export async function findErasure(db: Queryable, userId: string): Promise<UserErasure | undefined> {
  const { rows } = await db.query<{ request_time: Date; service: string; done_time: Date | null }>({
    name: "find-user-erasure",
    text: `select e.request_time, service, case when bool_and(done_time is not null) then max(done_time) end as done_time
           from user_erasures e join user_erasures part on part.user_id = e.user_id or part.of_user_id = e.user_id
           join user_erasure_services s on s.user_id = part.user_id
           where e.user_id = $1 group by e.request_time, service order by service`,
    values: [userId],
  });
  const [first] = rows;
  return (
    first && {
      userId,
      requestTime: first.request_time,
      services: rows.map(({ service, done_time }) => ({ service, doneTime: done_time ?? undefined })),
    }
  );
}

/** Records that a service is done; the first time counts. Returns false if the service is not expected to report it. */
export async function markServiceDone(db: Queryable, userId: string, service: string): Promise<boolean> {
  const { rowCount } = await db.query({
    name: "mark-service-done",
    text: `update user_erasure_services set done_time = coalesce(done_time, clock_timestamp())
           where user_id = $1 and service = $2`,
    values: [userId, service],
  });
  return rowCount === 1;
}
