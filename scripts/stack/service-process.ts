import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { cloneFolder } from "../clone.ts";
import { loopback } from "./ports.ts";
import type { ProcessSpec } from "./processes.ts";
import { type Service, type StackConfig, tokenEnv } from "./services.ts";

/** Returns the local process of a service: its sources run by Node, ports on loopback, ready when its probe says so. */
export function serviceProcess(service: Service, config: StackConfig, extraEnv: NodeJS.ProcessEnv = {}): ProcessSpec {
  const { ports } = config;
  const port = service.port === undefined ? undefined : ports[service.port];
  const adminPort = service.adminPort?.(ports);
  const preload = service.preload === undefined ? [] : ["--import", urlOf(service.preload)];
  return {
    name: service.name,
    command: process.execPath,
    args: [...preload, join(cloneFolder, service.entry)],
    env: {
      // Compiled code is kept between starts, which halves the time that a service takes to load.
      NODE_COMPILE_CACHE: join(cloneFolder, ".sagacart", "compile-cache"),
      ...process.env,
      HOST: loopback,
      ...(port === undefined ? {} : { PORT: `${port}` }),
      ...(adminPort === undefined ? {} : { ADMIN_PORT: `${adminPort}` }),
      ...tokenEnv(config, service.name),
      ...service.env(config),
      ...extraEnv,
    },
    waitsFor: async (signal) => {
      // A service answers 503 until its dependencies are up. A simulated provider has no probe: any answer will do.
      const url = adminPort === undefined ? `http://${loopback}:${port}/` : `http://${loopback}:${adminPort}/ready`;
      const answer = await fetch(url, { signal });
      const text = await answer.text();
      return adminPort === undefined || answer.ok ? undefined : `${url} answered ${answer.status} ${text.trim()}`;
    },
    // On a busy machine, a start alone takes a minute.
    readyTimeoutMs: 180_000,
    stopTimeoutMs: 15_000,
  };
}

function urlOf(file: string): string {
  return pathToFileURL(join(cloneFolder, file)).href;
}
