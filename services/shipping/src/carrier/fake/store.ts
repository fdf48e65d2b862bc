import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

/** A shipment as the carrier knows it. */
export type CarrierShipment = {
  readonly key: string;
  readonly address: string;
  readonly status: "accepted" | "refused" | "cancelled" | "dispatched";
  readonly trackingNumber: string;
  readonly reason: string;
  /** How often it was asked for. */
  readonly asks: number;
  /** When the decision is known, in milliseconds since the epoch. */
  readonly decideMs: number;
};

export type Webhook = { readonly id: number; readonly body: string; readonly attempts: number };

export type NewShipment = {
  key: string;
  address: string;
  refusal: string;
  decideMs: number;
  webhooks: number;
  webhookMs: number;
};

export type FakeStore = ReturnType<typeof openStore>;

/** What the carrier knows, in a file: it forgets nothing when it is killed. ":memory:" keeps it to the process. */
export function openStore(file: string) {
  const db = new DatabaseSync(file);
  db.exec(`
    pragma journal_mode = wal;
    pragma synchronous = normal;
    create table if not exists failures (key text primary key, count integer not null);
    create table if not exists shipments (
      number integer primary key, key text not null unique, address text not null, status text not null,
      reason text not null, asks integer not null default 1, decide_ms integer not null);
    create table if not exists webhooks (
      id integer primary key, key text not null, body text not null, due_ms integer not null,
      attempts integer not null default 0, done integer not null default 0);
    create index if not exists webhooks_due on webhooks (due_ms) where done = 0;
  `);
  const get = db.prepare("select * from shipments where key = ?");
  const all = db.prepare("select * from shipments order by number");
  const asked = db.prepare("update shipments set asks = asks + 1 where key = ?");
  const insert = db.prepare("insert into shipments (key, address, status, reason, decide_ms) values (?, ?, ?, ?, ?)");
  const setStatus = db.prepare("update shipments set status = ? where key = ?");
  const fail = db.prepare(
    "insert into failures values (?, 1) on conflict do update set count = count + 1 returning count",
  );
  const insertWebhook = db.prepare("insert into webhooks (key, body, due_ms) values (?, ?, ?)");
  const due = db.prepare("select id, body, attempts from webhooks where done = 0 and due_ms <= ? order by id limit 50");
  const nextDue = db.prepare("select min(due_ms) as next from webhooks where done = 0");
  const done = db.prepare("update webhooks set done = 1 where id = ?");
  const drop = db.prepare("update webhooks set done = 1 where key = ?");
  const later = db.prepare("update webhooks set attempts = attempts + 1, due_ms = ? where id = ?");
  return {
    get: (key: string) => toShipment(get.get(key)),
    list: () => all.all().flatMap((row) => toShipment(row) ?? []),
    /** Counts that it was asked for again. */
    countAsk: (key: string) => void asked.run(key),
    /** Counts a failure, and says the how manieth it is. */
    countFailure: (key: string) => Number(fail.get(key)?.count ?? 0),
    /** Takes or refuses a shipment, and prepares the webhooks that tell of it: both or nothing. */
    add({ key, address, refusal, decideMs, webhooks, webhookMs }: NewShipment): CarrierShipment {
      db.exec("begin immediate");
      try {
        insert.run(key, address, refusal === "" ? "accepted" : "refused", refusal, decideMs);
        const added = toShipment(get.get(key));
        if (added === undefined) {
          throw new Error(`shipment ${key} was added and is gone`);
        }
        const body = webhookBody(added);
        for (let sent = 0; sent < webhooks; sent++) {
          insertWebhook.run(key, body, webhookMs);
        }
        db.exec("commit");
        return added;
      } catch (error) {
        db.exec("rollback");
        throw error;
      }
    },
    /** What it was about to tell of it is told no more. */
    cancel(key: string) {
      setStatus.run("cancelled", key);
      drop.run(key);
    },
    dispatch: (key: string) => void setStatus.run("dispatched", key),
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

function webhookBody({ key, status, trackingNumber, reason }: CarrierShipment): string {
  const data = status === "refused" ? { key, reason } : { key, trackingNumber };
  return JSON.stringify({ id: `evt_${randomUUID()}`, type: `shipment.${status}`, data });
}

function toShipment(row: Record<string, unknown> | undefined): CarrierShipment | undefined {
  if (row === undefined) {
    return undefined;
  }
  const status = statuses.find((status) => status === row.status);
  if (status === undefined) {
    throw new Error(`shipment ${row.key} has the status ${row.status}, which is none`);
  }
  return {
    key: String(row.key),
    address: String(row.address),
    status,
    trackingNumber: status === "refused" ? "" : `SC${String(row.number).padStart(10, "0")}`,
    reason: String(row.reason),
    asks: Number(row.asks),
    decideMs: Number(row.decide_ms),
  };
}

const statuses = ["accepted", "refused", "cancelled", "dispatched"] as const;
