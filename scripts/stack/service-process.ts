import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { cloneFolder } from "../clone.ts";
import { loopback } from "./ports.ts";
import type { ProcessSpec } from "./processes.ts";
import { type Service, type Surroundings, tokenEnv } from "./services.ts";

/** How a service is run on a laptop: with Node as it is, its ports on loopback, ready when it says so. */
export function serviceProcess(
  service: Service,
  surroundings: Surroundings,
  more: NodeJS.ProcessEnv = {},
): ProcessSpec {
  const { ports } = surroundings;
  const port = service.port === undefined ? undefined : ports[service.port];
  const adminPort = service.adminPort?.(ports);
  const preload = service.preload === undefined ? [] : ["--import", urlOf(service.preload)];
  return {
    name: service.name,
    command: process.execPath,
    args: [...preload, join(cloneFolder, service.entry)],
    env: {
      ...process.env,
      HOST: loopback,
      ...(port === undefined ? {} : { PORT: `${port}` }),
      ...(adminPort === undefined ? {} : { ADMIN_PORT: `${adminPort}` }),
      ...tokenEnv(surroundings, service.name),
      ...service.env(surroundings),
      ...more,
    },
    waitsFor: async (signal) => {
      // A service follows what it needs and says 503 until it is there; a stand-in has no such page, but answers.
      const url = adminPort === undefined ? `http://${loopback}:${port}/` : `http://${loopback}:${adminPort}/ready`;
      const answer = await fetch(url, { signal });
      const text = await answer.text();
      return adminPort === undefined || answer.ok ? undefined : `${url} says ${answer.status} ${text.trim()}`;
    },
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 15_000,
  };
}

function urlOf(file: string): string {
  return pathToFileURL(join(cloneFolder, file)).href;
}
