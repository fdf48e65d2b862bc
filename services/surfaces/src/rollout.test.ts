import { fetchClient, http1Client, rollOut, startPod, withoutFailures } from "@sagacart/chassis/testing/rollout";
import { expect, test } from "vitest";
import { startStandIn } from "./testing/surfaces.ts";

test("the surfaces are replaced under load", async () => {
  await using standIn = await startStandIn();
  const start = async () => {
    const names = ["ORDER", "STOCK", "PAYMENT", "SHIPPING", "IDENTITY"];
    const pod = startPod(new URL("./main.ts", import.meta.url), {
      SHUTDOWN_DELAY_MS: "5000",
      ...Object.fromEntries(names.map((name) => [`${name}_ADDRESS`, standIn.address])),
    });
    const { port, adminPort } = await pod.logged("ready");
    await pod.logged("serving: the health check succeeds");
    return { pod, ports: { http: Number(port), admin: Number(adminPort) } };
  };
  const rollout = await rollOut(start, {
    "node:http": ({ http }) => http1Client({ url: `http://127.0.0.1:${http}/health` }),
    undici: ({ http }) => fetchClient({ url: `http://127.0.0.1:${http}/health` }),
  });

  expect(rollout).toEqual(withoutFailures);
}, 300_000);
