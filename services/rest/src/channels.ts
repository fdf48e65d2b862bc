import { type Channel, type ChannelOptions, openChannel } from "@sagacart/chassis/client/client";

export type Channels<Name extends string> = Readonly<Record<Name, Channel>>;

/** Opens a channel to each service. A channel connects at its first call; without `tls`, in plain text. */
export function openChannels<Name extends string>(
  addresses: Readonly<Record<Name, string>>,
  options: Pick<ChannelOptions, "metrics" | "tls" | "keepaliveIntervalMs">,
): Channels<Name> {
  const entries = Object.entries<string>(addresses).map(([name, address]) => [name, openChannel(address, options)]);
  // It has the keys of `addresses`.
  return Object.fromEntries(entries) as Record<Name, Channel>;
}

export function closeChannels(channels: Channels<string>): void {
  for (const channel of Object.values(channels)) {
    channel.close();
  }
}
