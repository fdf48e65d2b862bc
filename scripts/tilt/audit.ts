import { auditShop } from "../kubernetes/audit.ts";
import { tiltShop } from "./shop.ts";

// Runs the audit's CronJob now.

await using tilt = await tiltShop();
process.stdout.write(`${await auditShop(tilt.shop)}\n`);
