import { openChannel } from "@sagacart/chassis/client";
import { readEnv } from "@sagacart/chassis/config";
import { fill } from "../stack/seed.ts";
import { shopEnv, shopTokens } from "./tokens.ts";
import { until } from "./until.ts";

// Gives a shop in a cluster the laptop's catalogue, and two customers money, over the gateway. The shop may be starting.

const config = readEnv(shopEnv);
await using tokens = shopTokens(config);
const { hostname, port } = new URL(config.GATEWAY_URL);
using gateway = openChannel(`dns:///${hostname}:${port === "" ? "80" : port}`, { tokens });
await until(600_000, () => fill({ stock: gateway, payment: gateway }));
process.stdout.write("The shop has products to sell, and alice and bob have money.\n");
