import { auditShop } from "../kubernetes/audit.ts";
import { tiltShop } from "./shop.ts";

// Runs the audit now, as a Job from its CronJob.

await using tilt = await tiltShop();
process.stdout.write(`${await auditShop(tilt.shop)}\n`);
