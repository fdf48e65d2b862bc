import { isIPv4 } from "node:net";
import { experimental } from "@grpc/grpc-js";

type Resolver = experimental.Resolver;
type Listener = experimental.ResolverListener;
type Endpoints = Extract<Parameters<Listener>[0], { ok: true }>["value"];
type Failure = Extract<Parameters<Listener>[0], { ok: false }>;

/** The target as grpc-js writes it. Throws when it is none. */
export function grpcTarget(target: string): string {
  if (/^(dns|ipv4|ipv6|unix):/.test(target)) {
    return target;
  }
  const addresses = target.split(",").map((address) => address.trim());
  const hosts = addresses.map((address) => /^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/.exec(address)?.[1]);
  if (hosts.includes(undefined)) {
    throw new Error(`${JSON.stringify(target)} is not a target: it must be like host:port, or several with commas`);
  }
  if (addresses.length === 1) {
    return `dns:///${addresses[0]}`;
  }
  return hosts.every((host) => host !== undefined && isIPv4(host))
    ? `ipv4:${addresses.join(",")}`
    : `several:${addresses.join(",")}`;
}

/** Several names, each looked up by grpc-js's own resolver; their addresses together. */
class SeveralNames implements Resolver {
  readonly #resolvers: Resolver[] = [];
  readonly #found = new Map<string, Endpoints>();
  readonly #listener: Listener;

  constructor(target: { path: string }, listener: Listener, options: object) {
    this.#listener = listener;
    for (const path of target.path.split(",")) {
      const dns = { scheme: "dns", authority: "", path };
      this.#resolvers.push(experimental.createResolver(dns, (found) => this.#tell(path, found), options));
    }
  }

  updateResolution(): void {
    for (const resolver of this.#resolvers) {
      resolver.updateResolution();
    }
  }

  destroy(): void {
    for (const resolver of this.#resolvers) {
      resolver.destroy();
    }
    this.#found.clear();
  }

  static getDefaultAuthority(target: { path: string }): string {
    return target.path.split(",")[0] ?? "";
  }

  /** A name that cannot be looked up right now keeps the addresses that it had. */
  #tell(path: string, found: { ok: true; value: Endpoints } | Failure): boolean {
    if (found.ok) {
      this.#found.set(path, found.value);
    }
    const all = [...this.#found.values()].flat();
    return this.#listener(all.length === 0 ? found : experimental.statusOrFromValue(all), {}, null, "");
  }
}

experimental.registerResolver("several", SeveralNames);
