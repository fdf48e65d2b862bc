import { randomUUID } from "node:crypto";
import { openFakeStore } from "@sagacart/provider/fake/fake-store";

export type Content = { readonly paymentMethod: string; readonly currency: string; readonly amountMinor: bigint };

/** A charge as the fake stores it. One that was cancelled before it was asked for has no content. */
export type ProviderCharge = {
  readonly key: string;
  readonly content: Content | undefined;
  readonly status: "captured" | "declined" | "cancelled";
  readonly chargeId: string;
  readonly reason: string;
  /** How often it was asked for. */
  readonly asks: number;
  /** When the decision becomes known, in milliseconds since the epoch. */
  readonly decideMs: number;
  readonly refundedMinor: bigint;
  /** The sum of its disputes that are open or lost. */
  readonly disputedMinor: bigint;
};

/** A refund as the fake stores it. */
export type ProviderRefund = {
  readonly id: string;
  readonly key: string;
  readonly charge: string;
  readonly amountMinor: bigint;
  /** Why it was refused; empty if it was made. */
  readonly reason: string;
  /** The origin of the request: the shop, or the merchant on the provider's own pages. */
  readonly origin: Origin;
};

export type Origin = "shop" | "merchant";

export type NewRefund = Omit<ProviderRefund, "id">;

/** Calls that the fake refuses for good, with the reason for each. A read that is refused finds no such charge. */
export type Faults = { readonly [Call in FaultyCall]?: string };

export const faultyCalls = ["charge", "cancel", "refund", "read"] as const;
export type FaultyCall = (typeof faultyCalls)[number];

export type NewCharge = {
  key: string;
  content: Content;
  decline: string;
  decideMs: number;
  webhooks: number;
  webhookMs: number;
};

export type ChargeStore = ReturnType<typeof openStore>;

/** The charges and refunds of the fake, in an SQLite file or ":memory:". */
export function openStore(file: string) {
  const store = openFakeStore(file, schema);
  const { db } = store;
  const get = db.prepare(`select ${columns} from charges c where key = ?`);
  const all = db.prepare(`select ${columns} from charges c order by number`);
  const asked = db.prepare("update charges set asks = asks + 1 where key = ?");
  const insert = db.prepare(
    "insert into charges (key, method, currency, amount, status, reason, asks, decide_ms) values (?, ?, ?, ?, ?, ?, 1, ?)",
  );
  const cancel = db.prepare(
    "insert into charges (key, status) values (?, 'cancelled') on conflict (key) do update set status = 'cancelled'",
  );
  const totals = db.prepare(`
    select currency, count(*) as charges, sum(amount) as captured, sum(${refundedOf}) as refunded
    from charges c where status = 'captured' group by currency order by currency`);
  const getRefund = db.prepare("select rowid as number, * from refunds where key = ?");
  const refundsOf = db.prepare(
    "select rowid as number, * from refunds where charge = ? and reason = '' order by rowid",
  );
  const insertRefund = db.prepare(
    "insert into refunds (key, charge, amount, reason) values (?, ?, ?, ?) returning rowid as number, *",
  );
  const faultOf = db.prepare("select reason from faults where charge = ? and call = ?");
  const clearFaults = db.prepare("delete from faults where charge = ?");
  const insertFault = db.prepare("insert into faults (charge, call, reason) values (?, ?, ?)");
  return {
    ...store,
    /** Returns the reason why a call about a charge is refused; undefined if it is not. */
    faultOf(charge: string, call: FaultyCall): string | undefined {
      const reason = faultOf.get(charge, call)?.reason;
      return reason === undefined ? undefined : String(reason);
    },
    /** Sets which calls about a charge are refused from now on, and no others. */
    setFaults: (charge: string, faults: Faults): void =>
      store.atomically(() => {
        clearFaults.run(charge);
        for (const call of faultyCalls) {
          const reason = faults[call];
          if (reason !== undefined) {
            insertFault.run(charge, call, reason);
          }
        }
      }),
    get: (key: string) => toCharge(get.get(key)),
    list: () => all.all().flatMap((row) => toCharge(row) ?? []),
    /** Sums what was captured and refunded, by currency. */
    totals: () =>
      totals.all().map((row) => ({
        currency: String(row.currency),
        charges: Number(row.charges),
        capturedMinor: String(row.captured),
        refundedMinor: String(row.refunded),
      })),
    /** Counts a repeated request. */
    countAsk: (key: string) => void asked.run(key),
    /** Captures or declines a charge and stores its webhooks, in one transaction. */
    add: ({ key, content, decline, decideMs, webhooks, webhookMs }: NewCharge): ProviderCharge =>
      store.atomically(() => {
        const { paymentMethod, currency, amountMinor } = content;
        const status = decline === "" ? "captured" : "declined";
        insert.run(key, paymentMethod, currency, amountMinor, status, decline, decideMs);
        const added = toCharge(get.get(key));
        if (added === undefined) {
          throw new Error(`charge ${key} was added but is gone`);
        }
        const body = webhookBody(added);
        for (let sent = 0; sent < webhooks; sent++) {
          store.addWebhook(key, body, webhookMs);
        }
        return added;
      }),
    /** Cancels a charge, also one that was not asked for yet, and drops its webhooks. */
    cancel(key: string) {
      cancel.run(key);
      store.dropWebhooks(key);
    },
    getRefund(key: string, origin: Origin): ProviderRefund | undefined {
      const row = getRefund.get(storedKey(key, origin));
      return row === undefined ? undefined : toRefund(row);
    },
    /** Lists the refunds of a charge that were made, oldest first. */
    refundsOf: (charge: string) => refundsOf.all(charge).map(toRefund),
    /** Adds a refund and its webhooks, in one transaction. */
    addRefund: (
      { key, charge, amountMinor, reason, origin }: NewRefund,
      { webhooks, webhookMs }: { webhooks: number; webhookMs: number },
    ): ProviderRefund =>
      store.atomically(() => {
        const added = toRefund(insertRefund.get(storedKey(key, origin), charge, amountMinor, reason) ?? {});
        const charged = toCharge(get.get(charge));
        if (charged !== undefined && webhooks > 0) {
          const body = refundedBody(charged, added);
          for (let sent = 0; sent < webhooks; sent++) {
            store.addWebhook(`refund ${added.id}`, body, webhookMs);
          }
        }
        return added;
      }),
  };
}

const schema = `
  create table if not exists charges (
    number integer primary key, key text not null unique, method text not null default '',
    currency text not null default '', amount integer not null default 0, status text not null,
    reason text not null default '', asks integer not null default 0, decide_ms integer not null default 0);
  create table if not exists refunds (
    key text primary key, charge text not null, amount integer not null, reason text not null default '');
  create index if not exists refunds_charge on refunds (charge);
  create table if not exists faults (
    charge text not null, call text not null, reason text not null, primary key (charge, call));
  create table if not exists disputes (
    id text primary key, charge text not null, amount integer not null, reason text not null, state text not null);
  create index if not exists disputes_charge on disputes (charge);`;

const refundedOf = "(select coalesce(sum(amount), 0) from refunds r where r.charge = c.key and r.reason = '')";
const disputedOf = "(select coalesce(sum(amount), 0) from disputes d where d.charge = c.key and d.state <> 'won')";
const columns = `c.*, ${refundedOf} as refunded, ${disputedOf} as disputed`;

function webhookBody({ key, status, chargeId, reason }: ProviderCharge): string {
  const data = status === "declined" ? { key, reason } : { key, chargeId };
  return JSON.stringify({ id: `evt_${randomUUID()}`, type: `charge.${status}`, data });
}

/** The webhook of a refund that the merchant made. */
function refundedBody(charged: ProviderCharge, { id, amountMinor }: ProviderRefund): string {
  const { key, chargeId, content, refundedMinor } = charged;
  const data = {
    key,
    chargeId,
    refundId: id,
    currency: content?.currency ?? "",
    amountMinor: amountMinor.toString(),
    refundedMinor: refundedMinor.toString(),
  };
  return JSON.stringify({ id: `evt_${randomUUID()}`, type: "charge.refunded", data });
}

function toCharge(row: Record<string, unknown> | undefined): ProviderCharge | undefined {
  if (row === undefined) {
    return undefined;
  }
  const status = statuses.find((status) => status === row.status);
  if (status === undefined) {
    throw new Error(`charge ${row.key} has the unknown status ${row.status}`);
  }
  const currency = String(row.currency);
  return {
    key: String(row.key),
    content:
      currency === ""
        ? undefined
        : { paymentMethod: String(row.method), currency, amountMinor: BigInt(Number(row.amount)) },
    status,
    chargeId: status === "captured" ? `ch_${String(row.number).padStart(10, "0")}` : "",
    reason: String(row.reason),
    asks: Number(row.asks),
    decideMs: Number(row.decide_ms),
    refundedMinor: BigInt(Number(row.refunded)),
    disputedMinor: BigInt(Number(row.disputed)),
  };
}

/** A merchant's keys do not collide with the shop's: no key has a colon. */
function storedKey(key: string, origin: Origin): string {
  return origin === "shop" ? key : `${merchantPrefix}${key}`;
}

const merchantPrefix = "merchant:";

function toRefund(row: Record<string, unknown>): ProviderRefund {
  const key = String(row.key);
  const isMerchants = key.startsWith(merchantPrefix);
  return {
    id: `re_${String(row.number).padStart(10, "0")}`,
    key: isMerchants ? key.slice(merchantPrefix.length) : key,
    charge: String(row.charge),
    amountMinor: BigInt(Number(row.amount)),
    reason: String(row.reason),
    origin: isMerchants ? "merchant" : "shop",
  };
}

const statuses = ["captured", "declined", "cancelled"] as const;
