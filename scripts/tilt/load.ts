import { run } from "../program.ts";
import { tiltShop } from "./shop.ts";

// Loads the forwarded gateway for 20 seconds and prints how the orders ended.

await using tilt = await tiltShop();
const { OPERATOR_PASSWORD, OPERATOR_TOTP_SECRET } = await tilt.shop.namespace.secret(`${tilt.shop.release}-tools`);
await run(process.execPath, ["scripts/cluster/load.ts"], {
  env: {
    SECONDS: "20",
    CALLERS: "16",
    ...process.env,
    GATEWAY_URL: `http://${tilt.addresses.gateway}`,
    OPERATOR_PASSWORD,
    OPERATOR_TOTP_SECRET,
  },
  onLine: (line) => process.stdout.write(`${line}\n`),
});
