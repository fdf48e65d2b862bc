import { durationMs, readEnv, serverEnv, serviceEnv } from "../process/config.ts";
import type { Log } from "../process/log.ts";
import { type Running, runService } from "../process/main.ts";
import { EchoService } from "./echo-service.ts";

// A whole service in its own process, which logs what happens to it.
if (process.argv[2] === "database") {
  const [, , , migrations] = process.argv;
  await runService({
    name: "echo",
    readConfig: (env) => readEnv(serviceEnv(0), env),
    migrations: migrations === undefined ? undefined : new URL(migrations),
    async start({ pool, log }) {
      const first: AsyncDisposable = {
        async [Symbol.asyncDispose]() {
          await pool.query("select 1");
          log.info("closed the one that uses the pool");
        },
      };
      return echo(log, [first, part(log, "second"), part(log, "third")]);
    },
  });
} else if (process.argv[2] === "stuck") {
  await runService({
    name: "echo",
    database: false,
    readConfig: (env) => readEnv(serverEnv(0), env),
    async start({ log }) {
      log.info("starting");
      await new Promise((resolve) => setTimeout(resolve, 60_000));
      return echo(log, []);
    },
  });
} else {
  await runService({
    name: "echo",
    database: false,
    readConfig: (env) => readEnv({ ...serverEnv(0), CACHE_TTL_MS: durationMs(1_000) }, env),
    start: async ({ log }) => echo(log, []),
  });
}

function echo(log: Log, background: readonly AsyncDisposable[]): Running {
  return {
    background,
    routes: (router) =>
      router.service(EchoService, {
        change: (note) => note,
        async repeat(note) {
          log.info(`entered ${note.text}`);
          await new Promise((resolve) => setTimeout(resolve, Number(note.number)));
          return note;
        },
        async *watch() {
          yield {};
          await new Promise(() => {});
        },
      }),
  };
}

function part(log: Log, name: string): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      log.info(`closed ${name}`);
    },
  };
}
