import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@sagacart/chassis/testing/log";
import type { Faults } from "../card-provider/fake/charge-store.ts";
import type { FaultTimes } from "../card-provider/fake/faults.ts";
import { startFakeCardProvider } from "../card-provider/fake/server.ts";

/** The secrets that payment shares with the card provider. */
export const providerSecrets = { apiKey: "provider-key", webhookSecret: "provider-secret" };

/** A charge as the fake lists it. */
export type ChargeRecord = {
  readonly key: string;
  readonly status: string;
  readonly chargeId: string;
  readonly asks: number;
  readonly amountMinor: string;
  readonly refundedMinor: string;
  readonly disputedMinor: string;
};

export type TestProvider = AsyncDisposable & {
  readonly url: string;
  /** Lists all charges. */
  list(): Promise<ChargeRecord[]>;
  get(key: string): Promise<ChargeRecord | undefined>;
  /** Pays back at the provider, without the shop; its webhook is sent once and at once unless `delivery` says otherwise. */
  refundOutside(
    refund: { key: string; charge: string; amountMinor: bigint },
    delivery?: { webhooks?: number; delayMs?: number },
  ): Promise<{ status: string; id?: string; reason?: string }>;
  /** Opens a dispute of a charge, or decides it. */
  dispute(id: string, what: { charge: string; amountMinor?: bigint } | "won" | "lost"): Promise<{ status: string }>;
  /** Refuses these calls about a charge for good from now on, each for its reason, and no others. */
  refuse(charge: string, calls: Faults): Promise<void>;
  /** Stops it, so that connections to its port are refused. */
  goDown(): Promise<void>;
  /** Starts it again, with its state. */
  comeUp(): Promise<void>;
};

/** Starts a fake card provider on a free port. Slow is 400 ms and late 500 ms unless `times` says otherwise. */
export async function startTestProvider(webhookUrl: string, times: Partial<FaultTimes> = {}): Promise<TestProvider> {
  const directory = mkdtempSync(join(tmpdir(), "sagacart-provider-"));
  const start = (port: number) =>
    startFakeCardProvider({
      host: "127.0.0.1",
      port,
      stateFile: join(directory, "state.db"),
      apiKey: providerSecrets.apiKey,
      webhookSecrets: [providerSecrets.webhookSecret],
      webhookUrl,
      times: { slowMs: 400, lateMs: 500, ...times },
      dashboard: true,
      log: silentLog,
    });
  let fake = await start(0);
  const { url } = fake;
  let isUp = true;
  const list = async () => {
    const response = await fetch(`${url}/charges`, { headers: { authorization: `Bearer ${providerSecrets.apiKey}` } });
    const { charges } = (await response.json()) as { charges: ChargeRecord[] };
    return charges;
  };
  const put = (path: string, body: object) =>
    fetch(`${url}${path}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${providerSecrets.apiKey}` },
      body: JSON.stringify(body),
    });
  const refundOutside: TestProvider["refundOutside"] = async ({ key, charge, amountMinor }, delivery = {}) => {
    const body = { charge, amountMinor: amountMinor.toString(), ...delivery };
    const response = await put(`/dashboard/refunds/${key}`, body);
    return (await response.json()) as { status: string };
  };
  const dispute: TestProvider["dispute"] = async (id, what) => {
    const decision = typeof what === "string" ? `/${what}` : "";
    const content = typeof what === "string" ? {} : { ...what, amountMinor: what.amountMinor?.toString() };
    const response = await fetch(`${url}/dashboard/disputes/${id}${decision}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${providerSecrets.apiKey}` },
      body: JSON.stringify(content),
    });
    return (await response.json()) as { status: string };
  };
  const goDown = async () => {
    if (isUp) {
      isUp = false;
      await fake[Symbol.asyncDispose]();
    }
  };
  return {
    url,
    list,
    get: async (key) => (await list()).find((charge) => charge.key === key),
    refundOutside,
    dispute,
    async refuse(charge, calls) {
      const response = await put(`/dashboard/faults/${charge}`, calls);
      if (!response.ok) {
        throw new Error(`the fake does not know the faults ${JSON.stringify(calls)}`);
      }
    },
    goDown,
    async comeUp() {
      fake = await start(Number(new URL(url).port));
      isUp = true;
    },
    async [Symbol.asyncDispose]() {
      await goDown();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
