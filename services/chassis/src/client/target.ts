import { isIP, isIPv4 } from "node:net";
import { experimental } from "@grpc/grpc-js";

type Resolver = experimental.Resolver;
type Listener = experimental.ResolverListener;
type Endpoints = Extract<Parameters<Listener>[0], { ok: true }>["value"];
type Failure = Extract<Parameters<Listener>[0], { ok: false }>;

/** Translates a target to grpc-js's notation. Throws for an invalid one. */
export function grpcTarget(target: string): string {
  const [, authority, name] = /^dns:(?:\/\/([^/]*)\/)?([^/,]+)$/.exec(target) ?? [];
  if (name !== undefined) {
    return isIP(hostOf(name)) === 0 ? `names://${authority ?? ""}/${name}` : target;
  }
  if (/^(dns|ipv4|ipv6|unix):/.test(target)) {
    return target;
  }
  const addresses = target.split(",").map((address) => address.trim());
  const hosts = addresses.map((address) => /^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/.exec(address)?.[1]);
  if (hosts.includes(undefined)) {
    throw new Error(`${JSON.stringify(target)} is not a target: it must be like host:port, or several with commas`);
  }
  if (addresses.length === 1 && addresses[0] !== undefined && isIP(hostOf(addresses[0])) !== 0) {
    return `dns:///${addresses[0]}`;
  }
  return hosts.every((host) => host !== undefined && isIPv4(host))
    ? `ipv4:${addresses.join(",")}`
    : `names:///${addresses.join(",")}`;
}

/** Returns the hosts of a target, which its servers' certificates are for. */
export function hostsOf(target: string): string[] {
  return target
    .replace(/^\w+:(\/\/[^/]*\/)?(?=.*:)/, "")
    .split(",")
    .map((address) => hostOf(address.trim()));
}

function hostOf(address: string): string {
  return address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

/**
 * Resolves one or several names by grpc-js's own resolver, to all their addresses together. grpc-js resolves a name again
 * only when a connection ends, so new pods would get no calls; this repeats it at an interval. An unchanged result is not
 * passed on, since the balancer starts over with each.
 */
class Names implements Resolver {
  readonly #resolvers: Resolver[] = [];
  readonly #found = new Map<string, Endpoints>();
  readonly #listener: Listener;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #passedOn = "";
  /** grpc-js waits for a result, even an unchanged one. */
  #asked = false;

  constructor({ authority, path }: Target, listener: Listener, options: Options) {
    this.#listener = listener;
    this.#intervalMs = Number(options["grpc.dns_min_time_between_resolutions_ms"]);
    for (const name of path.split(",")) {
      const dns = { scheme: "dns", authority: authority ?? "", path: name };
      this.#resolvers.push(experimental.createResolver(dns, (found) => this.#passOn(name, found), options));
    }
  }

  updateResolution(): void {
    this.#asked = true;
    this.#lookUp();
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.#lookUp(), this.#intervalMs);
      this.#timer.unref();
    }
  }

  destroy(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const resolver of this.#resolvers) {
      resolver.destroy();
    }
    this.#found.clear();
    this.#passedOn = "";
  }

  static getDefaultAuthority(target: Target): string {
    return target.path.split(",")[0] ?? "";
  }

  #lookUp(): void {
    for (const resolver of this.#resolvers) {
      resolver.updateResolution();
    }
  }

  /** Keeps the last addresses of a name that cannot be resolved now. */
  #passOn(name: string, found: { ok: true; value: Endpoints } | Failure): boolean {
    if (found.ok) {
      this.#found.set(name, found.value);
    }
    const all = [...this.#found.values()].flat();
    const content = JSON.stringify(all.map(experimental.endpointToString).sort());
    if (!this.#asked && content === this.#passedOn) {
      return true;
    }
    this.#asked = false;
    this.#passedOn = content;
    return this.#listener(all.length === 0 ? found : experimental.statusOrFromValue(all), {}, null, "");
  }
}

type Target = { authority?: string; path: string };
type Options = Parameters<typeof experimental.createResolver>[2];

experimental.registerResolver("names", Names);
