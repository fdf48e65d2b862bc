import { randomUUID } from "node:crypto";
import { openFakeStore } from "@sagacart/provider/fake/fake-store";

/** A shipment as the fake stores it. */
export type CarrierShipment = {
  readonly key: string;
  readonly address: string;
  readonly status: "accepted" | "refused" | "cancelled" | "dispatched";
  readonly trackingNumber: string;
  readonly reason: string;
  /** How often it was asked for. */
  readonly asks: number;
  /** When the decision becomes known, in milliseconds since the epoch. */
  readonly decideMs: number;
};

export type NewShipment = {
  key: string;
  address: string;
  refusal: string;
  decideMs: number;
  webhooks: number;
  webhookMs: number;
};

export type ShipmentStore = ReturnType<typeof openStore>;

/** The shipments of the fake, in an SQLite file or ":memory:". */
export function openStore(file: string) {
  const store = openFakeStore(file, schema);
  const { db } = store;
  const get = db.prepare("select * from shipments where key = ?");
  const all = db.prepare("select * from shipments order by number");
  const asked = db.prepare("update shipments set asks = asks + 1 where key = ?");
  const insert = db.prepare("insert into shipments (key, address, status, reason, decide_ms) values (?, ?, ?, ?, ?)");
  const setStatus = db.prepare("update shipments set status = ? where key = ?");
  return {
    ...store,
    get: (key: string) => toShipment(get.get(key)),
    list: () => all.all().flatMap((row) => toShipment(row) ?? []),
    /** Counts a repeated request. */
    countAsk: (key: string) => void asked.run(key),
    /** Accepts or refuses a shipment and stores its webhooks, in one transaction. */
    add: ({ key, address, refusal, decideMs, webhooks, webhookMs }: NewShipment): CarrierShipment =>
      store.atomically(() => {
        insert.run(key, address, refusal === "" ? "accepted" : "refused", refusal, decideMs);
        const added = toShipment(get.get(key));
        if (added === undefined) {
          throw new Error(`shipment ${key} was added but is gone`);
        }
        const body = webhookBody(added);
        for (let sent = 0; sent < webhooks; sent++) {
          store.addWebhook(key, body, webhookMs);
        }
        return added;
      }),
    /** Cancels a shipment and drops its webhooks. */
    cancel(key: string) {
      setStatus.run("cancelled", key);
      store.dropWebhooks(key);
    },
    dispatch: (key: string) => void setStatus.run("dispatched", key),
  };
}

const schema = `
  create table if not exists shipments (
    number integer primary key, key text not null unique, address text not null, status text not null,
    reason text not null, asks integer not null default 1, decide_ms integer not null);`;

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
    throw new Error(`shipment ${row.key} has the unknown status ${row.status}`);
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
