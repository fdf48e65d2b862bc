import { parseArgs } from "node:util";
import { createPool } from "@sagacart/chassis/postgres/pool";
import { ConfigError, databaseEnv, readEnv } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";
import { createPasswords } from "./sessions/passwords.ts";
import { FirstOperatorError, makeFirstOperator } from "./users/first-operator.ts";

// node services/identity/src/first-operator-main.ts --username NAME --email ADDRESS, with DATABASE_URL: makes the first
// operator of a shop, and prints the password once. In a cluster it runs in a pod of identity: see k8s/README.md.

try {
  const { username = "", email = "" } = parseArgs({
    options: { username: { type: "string" }, email: { type: "string" } },
  }).values;
  if (!/^[A-Za-z0-9_.+-]{3,50}$/.test(username) || !/^[^\s@]+@[^\s@]+$/.test(email)) {
    throw new ConfigError(["usage: first-operator-main.ts --username NAME --email ADDRESS"]);
  }
  const { DATABASE_URL: url } = readEnv(databaseEnv());
  const log = createLog({ service: "first-operator", level: "warn" });
  const pool = createPool({ url, applicationName: "first-operator", size: 1, log });
  const passwords = createPasswords({ atOnce: 1 });
  const password = await makeFirstOperator({ username, email }, { pool, passwords }).finally(() => pool.end());
  process.stdout.write(
    `${username} is an operator, with the password ${password}\nChange it after the first sign-in.\n`,
  );
} catch (error) {
  const isForPeople = error instanceof FirstOperatorError || error instanceof ConfigError;
  process.stderr.write(`${isForPeople || !(error instanceof Error) ? String(error) : error.message}\n`);
  process.exitCode = 1;
}
