import type { Target } from "./attack.ts";
import { attacks } from "./attacks.ts";

// Runs one attack in a process of its own, so that it does not hold up the measurement: attacker.ts NAME TARGET MS. Prints
// what became of it. Exits with 1 if the attack has succeeded, and says how on stderr.

const [name = "", target = "{}", ms = "0"] = process.argv.slice(2);
const attack = attacks[name];
if (attack === undefined) {
  throw new Error(`there is no attack ${JSON.stringify(name)}`);
}
// An attack does not stop because the server cuts it off.
process.on("uncaughtException", () => {});
// Nor does this process end early: the signal's timer alone does not keep it alive.
setInterval(() => {}, 60_000);
try {
  process.stdout.write(`${await attack(JSON.parse(target) as Target, AbortSignal.timeout(Number(ms)))}\n`);
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
