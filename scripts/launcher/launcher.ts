import { appendFileSync } from "node:fs";
import { revocationsOf, tokenEnv, verifierOf } from "@sagacart/chassis/auth/env";
import { openSecurityLog } from "@sagacart/chassis/auth/security-file";
import { createSecurityLog } from "@sagacart/chassis/auth/security-log";
import { readEnv } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";
import { health } from "@sagacart/chassis/rpc/health";
import { startServer } from "@sagacart/chassis/rpc/server";
import { LauncherService } from "@sagacart/proto/launcher/v1/launcher_service";
import { Registry } from "prom-client";
import { loopback } from "../stack/ports.ts";
import { createLauncherService, type LauncherOptions } from "./launcher-service.ts";

export type Launcher = AsyncDisposable & {
  /** `host:port` of its RPCs, on loopback. */
  readonly address: string;
  /** Resolves when it knows which tokens are revoked, or after five seconds: until then it refuses people. */
  ready(): Promise<void>;
};

/**
 * Serves LauncherService, for the operators of a shop on this machine. It listens on loopback, on any free port, for gRPC over
 * HTTP/2 only, which no browser speaks there; and each call needs an operator's token, which it verifies itself, as every service
 * does. So no page of another site, and no other program of this machine, can call it.
 */
export async function startLauncher(
  options: LauncherOptions & {
    /** The variables with which it verifies tokens. */
    readonly env: NodeJS.ProcessEnv;
    /** Its log, which is appended to: the terminal is for what the shop says to its user. */
    readonly logFile: string;
  },
): Promise<Launcher> {
  await using cleanup = new AsyncDisposableStack();
  const log = createLog({
    service: "launcher",
    level: "info",
    destination: { write: (line) => appendFileSync(options.logFile, line, { mode: 0o600 }) },
  });
  const destination = cleanup.use(openSecurityLog(options.securityLog, log));
  const security = createSecurityLog({ service: "launcher", destination });
  const config = readEnv(tokenEnv(), options.env);
  const revocations = revocationsOf(config, log, undefined, security);
  if (revocations !== undefined) cleanup.use(revocations);
  const service = cleanup.use(createLauncherService(options));
  const serving = cleanup.use(health({ check: async () => undefined, intervalMs: 60_000, log }));
  const server = cleanup.use(
    await startServer({
      host: loopback,
      port: 0,
      adminPort: 0,
      routes: (router) => router.service(LauncherService, service.handlers),
      health: serving,
      log,
      metrics: new Registry(),
      domain: "launcher.sagacart",
      verifier: verifierOf(config, log, revocations),
      security,
    }),
  );
  cleanup.defer(() => security.flush());
  const all = cleanup.move();
  return {
    address: `${loopback}:${server.port}`,
    ready: async () => await revocations?.known(5_000),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
