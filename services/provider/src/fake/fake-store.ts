import { DatabaseSync } from "node:sqlite";

export type Webhook = { readonly id: number; readonly body: string; readonly attempts: number };

export type FakeStore = ReturnType<typeof openFakeStore>;

/**
 * The state of a fake provider, in an SQLite file, so that it forgets nothing when it is killed; ":memory:" keeps it in
 * the process. `schema` makes the tables of the provider itself.
 */
export function openFakeStore(file: string, schema: string) {
  const db = new DatabaseSync(file);
  db.exec(`
    pragma journal_mode = wal;
    pragma synchronous = normal;
    create table if not exists failures (key text primary key, count integer not null);
    create table if not exists webhooks (
      id integer primary key, key text not null, body text not null, due_ms integer not null,
      attempts integer not null default 0, done integer not null default 0);
    create index if not exists webhooks_due on webhooks (due_ms) where done = 0;
    ${schema}
  `);
  const fail = db.prepare(
    "insert into failures values (?, 1) on conflict do update set count = count + 1 returning count",
  );
  const insert = db.prepare("insert into webhooks (key, body, due_ms) values (?, ?, ?)");
  const due = db.prepare("select id, body, attempts from webhooks where done = 0 and due_ms <= ? order by id limit 50");
  const nextDue = db.prepare("select min(due_ms) as next from webhooks where done = 0");
  const done = db.prepare("update webhooks set done = 1 where id = ?");
  const drop = db.prepare("update webhooks set done = 1 where key = ?");
  const later = db.prepare("update webhooks set attempts = attempts + 1, due_ms = ? where id = ?");
  return {
    db,
    /** Runs `fn` in a transaction. */
    atomically<T>(fn: () => T): T {
      db.exec("begin immediate");
      try {
        const result = fn();
        db.exec("commit");
        return result;
      } catch (error) {
        db.exec("rollback");
        throw error;
      }
    },
    /** Counts a failure of a key, and returns how many it has had. */
    countFailure: (key: string) => Number(fail.get(key)?.count ?? 0),
    addWebhook: (key: string, body: string, dueMs: number) => void insert.run(key, body, dueMs),
    /** Drops the webhooks of a key that are not sent yet. */
    dropWebhooks: (key: string) => void drop.run(key),
    dueWebhooks: (nowMs: number): Webhook[] =>
      due.all(nowMs).map((row) => ({ id: Number(row.id), body: String(row.body), attempts: Number(row.attempts) })),
    /** When the next webhook is due; undefined when there is none. */
    nextWebhookMs(): number | undefined {
      const next = nextDue.get()?.next;
      return typeof next === "number" ? next : undefined;
    },
    finishWebhook: (id: number) => void done.run(id),
    retryWebhook: (id: number, dueMs: number) => void later.run(dueMs, id),
    close: () => db.close(),
  };
}
