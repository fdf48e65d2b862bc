import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createServiceClient, openChannel } from "../client/client.ts";
import { createAuthority, createSecretFolder, secretOf } from "../testing/certificates.ts";
import { EchoService } from "../testing/echo-service.ts";
import { silentLog } from "../testing/log.ts";
import {
  type Client,
  fetchClient,
  http1Client,
  http2Client,
  rollOut,
  type Serving,
  startPod,
  withoutFailures,
} from "../testing/rollout.ts";
import { openTls, type Tls } from "../tls/files.ts";

const main = new URL("../testing/echo-main.ts", import.meta.url);

test("a service is replaced under load: gRPC, Connect over HTTP/2, and its metrics over HTTP/1.1", async () => {
  const rollout = await rollOut(() => start({}), {
    "grpc-js": ({ rpc }) => grpcClient(`127.0.0.1:${rpc}`),
    "node:http2": ({ rpc }) => http2Client({ url: `http://127.0.0.1:${rpc}${changePath}`, ...change }),
    "node:http at the admin port": ({ admin }) => http1Client({ url: `http://127.0.0.1:${admin}/metrics` }),
    "undici at the admin port": ({ admin }) => fetchClient({ url: `http://127.0.0.1:${admin}/metrics` }),
  });

  expect(rollout).toEqual(withoutFailures);
}, 120_000);

test("a service with TLS is replaced under load", async () => {
  const authority = await createAuthority();
  await using folder = await createSecretFolder(await secretOf(authority, "localhost"));
  const env = {
    TLS_CERT_FILE: folder.path("tls.crt"),
    TLS_KEY_FILE: folder.path("tls.key"),
    TLS_CA_FILE: folder.path("ca.crt"),
  };
  const tls = openTls({
    config: { ...env, TLS_CERT_FILE: undefined, TLS_KEY_FILE: undefined, TLS_CLIENT_AUTH: "none" },
    log: silentLog,
  });
  const rollout = await rollOut(() => start({ ...env, TLS_CLIENT_AUTH: "none" }), {
    "grpc-js": ({ rpc }) => grpcClient(`localhost:${rpc}`, tls),
  });

  expect(rollout).toEqual(withoutFailures);
}, 120_000);

const changePath = `/${EchoService.typeName}/Change`;
const change = { method: "POST", body: JSON.stringify({ text: "a" }) };

async function start(env: Record<string, string>): Promise<Serving<"rpc">> {
  const pod = startPod(main, { SHUTDOWN_DELAY_MS: "5000", ...env }, ["plain"]);
  const { port, adminPort } = await pod.logged("ready");
  return { pod, ports: { rpc: Number(port), admin: Number(adminPort) } };
}

/** Change may not be repeated: a call that is lost shows. */
function grpcClient(address: string, tls?: Tls): Client {
  const channel = openChannel(address, { tls });
  const client = createServiceClient(EchoService, channel);
  return {
    async send() {
      const { text } = await client.change({ text: "a" }, { timeoutMs: 100_000 });
      return text === "a" ? 200 : Code.Internal;
    },
    async [Symbol.asyncDispose]() {
      channel.close();
    },
  };
}
