import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@connectrpc/connect";
import { silentLog } from "@sagacart/chassis/testing";
import { signatureHeader } from "@sagacart/chassis/webhook-signature";
import type { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import type { FaultTimes } from "../fake-provider/faults.ts";
import { startFakeProvider } from "../fake-provider/start.ts";

/** What payment and the provider know each other by. */
export const providerSecrets = { apiKey: "provider-key", webhookSecret: "provider-secret" };

/** A charge as the provider tells of it. */
export type ChargeRecord = {
  readonly key: string;
  readonly status: string;
  readonly chargeId: string;
  readonly asks: number;
  readonly amountMinor: string;
  readonly refundedMinor: string;
};

export type TestProvider = AsyncDisposable & {
  readonly url: string;
  /** All charges that it knows. */
  list(): Promise<ChargeRecord[]>;
  get(key: string): Promise<ChargeRecord | undefined>;
  /** Nobody answers on its port any more. */
  goDown(): Promise<void>;
  /** It is there again, and knows what it knew. */
  comeUp(): Promise<void>;
};

/** A provider on a free port. Slow is 400 ms, late 500, unless told otherwise. */
export async function startTestProvider(webhookUrl: string, times: Partial<FaultTimes> = {}): Promise<TestProvider> {
  const directory = mkdtempSync(join(tmpdir(), "sagacart-provider-"));
  const start = (port: number) =>
    startFakeProvider({
      host: "127.0.0.1",
      port,
      stateFile: join(directory, "state.db"),
      ...providerSecrets,
      webhookUrl,
      times: { slowMs: 400, lateMs: 500, ...times },
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

type Receiver = Pick<Client<typeof PaymentService>, "receiveWebhook">;

/** What the gateway does with a webhook: hands it over as it is. */
export async function startWebhookEntrance(): Promise<
  AsyncDisposable & { readonly url: string; open(payments: Receiver): void }
> {
  const { promise, resolve: open } = Promise.withResolvers<Receiver>();
  const receive = async (request: IncomingMessage) => {
    const payments = await promise;
    const body = Buffer.concat(await request.toArray());
    const signature = String(request.headers[signatureHeader]);
    await payments.receiveWebhook({ provider: "card", body, signature });
  };
  // It fails where payment is down, and where the provider goes in the middle of its request.
  const server = createServer((request, response) => {
    receive(request).then(
      () => response.writeHead(204).end(),
      () => response.writeHead(503).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    open,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
