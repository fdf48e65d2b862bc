import type { ConnectRouter } from "@connectrpc/connect";
import { durationMs, readEnv, serverEnv, serviceEnv } from "../config.ts";
import { runService } from "../main.ts";
import { EchoService } from "./echo-service.ts";

// A whole service in a process of its own: it says what happens to it on stdout.
const say = (what: string) => process.stdout.write(`${JSON.stringify({ msg: what })}\n`);

const part = (name: string): AsyncDisposable => ({
  async [Symbol.asyncDispose]() {
    say(`closed ${name}`);
  },
});

const echo = {
  routes: (router: ConnectRouter) =>
    router.service(EchoService, {
      async repeat(note) {
        say(`entered ${note.text}`);
        await new Promise((resolve) => setTimeout(resolve, Number(note.number)));
        return note;
      },
      async *watch() {
        yield {};
        await new Promise(() => {});
      },
    }),
  background: [part("first"), part("second")],
};

if (process.argv[2] === "database") {
  await runService({
    name: "echo",
    readConfig: (env) => readEnv(serviceEnv(0), env),
    async start({ pool }) {
      const user: AsyncDisposable = {
        async [Symbol.asyncDispose]() {
          await pool.query("select 1");
          say("closed the one that uses the pool");
        },
      };
      return { ...echo, background: [user, ...echo.background] };
    },
  });
} else {
  await runService({
    name: "echo",
    database: false,
    readConfig: (env) => readEnv({ ...serverEnv(0), CACHE_TTL_MS: durationMs(1_000) }, env),
    start: async () => echo,
  });
}
