import { type Channel, openChannel } from "@sagacart/chassis/client/client";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import type { Tls } from "@sagacart/chassis/tls/files";

export type Channels<Name extends string> = Readonly<Record<Name, Channel>>;

/** Opens a channel to each service. A channel connects at its first call; without `tls`, in plain text. */
export function openChannels<Name extends string>(
  addresses: Readonly<Record<Name, string>>,
  { metrics, tls }: { metrics: Metrics; tls?: Tls | undefined },
): Channels<Name> {
  const entries = Object.entries<string>(addresses).map(([name, address]) => [
    name,
    openChannel(address, { metrics, tls }),
  ]);
  // It has the keys of `addresses`.
  return Object.fromEntries(entries) as Record<Name, Channel>;
}

export function closeChannels(channels: Channels<string>): void {
  for (const channel of Object.values(channels)) {
    channel.close();
  }
}
