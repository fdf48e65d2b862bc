import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { createAuthority, createSecretFolder, secretOf } from "@sagacart/chassis/testing/certificates";
import {
  type Client,
  fetchClient,
  http1Client,
  http2Client,
  rollOut,
  type Serving,
  startPod,
  withoutFailures,
} from "@sagacart/chassis/testing/rollout";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { expect, test } from "vitest";
import { startStandIn } from "./testing/gateway.ts";

const main = new URL("./main.ts", import.meta.url);
const path = "/v1/products/a";

test("a gateway is replaced under load: HTTP/1.1, HTTP/2, gRPC, and its probes", async () => {
  await using standIn = await startStandIn();
  standIn.answer("GetProduct", () => ({ product: { id: "a" } }));
  const rollout = await rollOut(() => start(standIn.address, {}), {
    "node:http": ({ http }) => http1Client({ url: `http://127.0.0.1:${http}${path}` }),
    undici: ({ http }) => fetchClient({ url: `http://127.0.0.1:${http}${path}` }),
    "node:http2": ({ http }) => http2Client({ url: `http://127.0.0.1:${http}${path}` }),
    "grpc-js": ({ http }) => grpcClient(`127.0.0.1:${http}`),
    "node:http at the admin port": ({ admin }) => http1Client({ url: `http://127.0.0.1:${admin}/health` }),
  });

  expect(rollout).toEqual(withoutFailures);
}, 300_000);

test("a gateway that serves TLS is replaced under load", async () => {
  await using standIn = await startStandIn();
  standIn.answer("GetProduct", () => ({ product: { id: "a" } }));
  const authority = await createAuthority();
  await using folder = await createSecretFolder(await secretOf(authority, "localhost"));
  const env = {
    SERVE_TLS: "true",
    TLS_CERT_FILE: folder.path("tls.crt"),
    TLS_KEY_FILE: folder.path("tls.key"),
  };
  const rollout = await rollOut(() => start(standIn.address, env), {
    "node:https": ({ http }) => http1Client({ url: `https://localhost:${http}${path}`, ca: authority.cert }),
  });

  expect(rollout).toEqual(withoutFailures);
}, 300_000);

async function start(services: string, env: Record<string, string>): Promise<Serving<"http">> {
  const pod = startPod(main, {
    SHUTDOWN_DELAY_MS: "5000",
    WRITES_PER_MINUTE: "0",
    REQUESTS_PER_CALLER: "0",
    ...Object.fromEntries(names.map((name) => [`${name}_ADDRESS`, services])),
    ...env,
  });
  const { port, adminPort } = await pod.logged("ready");
  await pod.logged("serving: the health check succeeds");
  return { pod, ports: { http: Number(port), admin: Number(adminPort) } };
}

const names = ["ORDER", "STOCK", "PAYMENT", "SHIPPING", "NOTIFIER", "IDENTITY"];

function grpcClient(address: string): Client {
  const channel = openChannel(address);
  const client = createServiceClient(ProductService, channel);
  return {
    async send() {
      const { product } = await client.getProduct({ id: "a" }, { timeoutMs: 100_000 });
      return product?.id === "a" ? 200 : 500;
    },
    async [Symbol.asyncDispose]() {
      channel.close();
    },
  };
}
