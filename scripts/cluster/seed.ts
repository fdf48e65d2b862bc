import { openChannel } from "@sagacart/chassis/client/client";
import { readEnv } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";
import { tlsEnv } from "@sagacart/chassis/tls/env";
import { openTls } from "@sagacart/chassis/tls/files";
import { fill } from "../stack/seed.ts";
import { until } from "../until.ts";
import { operatorSession, shopEnv } from "./tokens.ts";

// Seeds a shop in a cluster, over the gateway, with the local shop's catalogue and customers. Waits for a starting shop.

const config = readEnv({ ...shopEnv, ...tlsEnv() });
const tokens = operatorSession(config);
const { protocol, hostname, port } = new URL(config.GATEWAY_URL);
const secure = protocol === "https:";
using tls = secure ? openTls({ config, log: createLog({ service: "seed", level: "error" }) }) : undefined;
using gateway = openChannel(`dns:///${hostname}:${port || (secure ? "443" : "80")}`, { tokens, tls });
await until(
  "the gateway to accept the catalogue",
  async () => {
    await fill({ stock: gateway, payment: gateway });
    return true;
  },
  { withinMs: 600_000, everyMs: 1_000 },
);
process.stdout.write("Seeded the catalogue and two customers, alice and bob.\n");
