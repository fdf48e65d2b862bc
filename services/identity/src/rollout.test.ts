import { fetchClient, http1Client, rollOut, startPod, withoutFailures } from "@sagacart/chassis/testing/rollout";
import { expect, test } from "vitest";
import { identityDatabase, testIdentityEnv } from "./testing/identity.ts";

test("identity's OpenID Connect is replaced under load", async () => {
  await using database = await identityDatabase();
  const start = async () => {
    const pod = startPod(new URL("./main.ts", import.meta.url), {
      ...testIdentityEnv(database.url),
      SHUTDOWN_DELAY_MS: "5000",
    });
    const { port: http } = await pod.logged("serves OpenID Connect");
    const { port: rpc, adminPort } = await pod.logged("ready");
    await pod.logged("serving: the health check succeeds");
    return { pod, ports: { http: Number(http), rpc: Number(rpc), admin: Number(adminPort) } };
  };
  const rollout = await rollOut(start, {
    "node:http": ({ http }) => http1Client({ url: `http://127.0.0.1:${http}/oidc/jwks` }),
    undici: ({ http }) => fetchClient({ url: `http://127.0.0.1:${http}/oidc/jwks` }),
  });

  expect(rollout).toEqual(withoutFailures);
}, 300_000);
