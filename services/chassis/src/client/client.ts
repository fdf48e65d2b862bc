import type { DescService } from "@bufbuild/protobuf";
import { type Client as ConnectClient, createClient } from "@connectrpc/connect";
import { Client as GrpcClient, type ChannelOptions as GrpcOptions } from "@grpc/grpc-js";
import type { CallTokens } from "../auth/service-tokens.ts";
import { clientMeter, type Metrics } from "../process/metrics.ts";
import { channelCredentials } from "../tls/client.ts";
import type { Tls } from "../tls/files.ts";
import { keepPingingWhileDraining } from "./keepalive.ts";
import { type RetryPolicy, serviceConfig } from "./service-config.ts";
import { grpcTarget, hostsOf } from "./target.ts";
import { createGrpcTransport } from "./transport.ts";

export type ChannelOptions = {
  metrics?: Metrics;
  /** Which token calls take along: this service's own, or callersToken. None unless told so. */
  tokens?: CallTokens | undefined;
  /** Where it has a CA, connections are TLS, to a server with a certificate of that CA for the target's name. */
  tls?: Tls | undefined;
  /** The time for a unary call when neither the call nor the call it serves has a deadline. */
  defaultTimeoutMs?: number;
  /** How calls that may be repeated are retried; four attempts within a second and a half by default. */
  retries?: RetryPolicy;
  /** How often the target's names are looked up; 5 s. */
  lookUpIntervalMs?: number;
  /** How often a silent connection is pinged; 10 s. */
  keepaliveIntervalMs?: number | undefined;
};

/** The connections to all instances of one service. */
export type Channel = Disposable & {
  readonly target: string;
  readonly options: ChannelOptions;
  /** For createServiceClient: gives the client for this service's calls, when the first one is made. */
  join(service: DescService): () => GrpcClient;
  /** Ends the connections. Calls under way may end, new ones fail. */
  close(): void;
};

/**
 * Opens a channel to `host:port`, `dns:///host:port`, `ipv4:1.2.3.4:1,1.2.3.4:2`, or several `host:port,host:port`.
 * Calls go to all the addresses in turn. A name is looked up every few seconds, and when a connection ends, so pods
 * that come get calls soon, and those that go get no more. Connects at the first call.
 *
 * UNAVAILABLE is retried, three times unless `retries` says otherwise, with a growing pause and within the deadline, for
 * methods that say that they are IDEMPOTENT or have NO_SIDE_EFFECTS; never for others.
 */
export function openChannel(target: string, options: ChannelOptions = {}): Channel {
  const clients: GrpcClient[] = [];
  let waiting: Group = { services: new Set(), client: undefined };

  // Which methods may be tried again is fixed when a client is made. All services that joined until the first call
  // share one, and with it the connections.
  function open(group: Group): GrpcClient {
    if (waiting === group) {
      waiting = { services: new Set(), client: undefined };
    }
    const client = new GrpcClient(grpcTarget(target), channelCredentials(options.tls, hostsOf(target)), {
      ...grpcOptions,
      "grpc.service_config": JSON.stringify(serviceConfig(group.services, options.retries)),
      "grpc.dns_min_time_between_resolutions_ms": options.lookUpIntervalMs ?? 5_000,
      "grpc.keepalive_time_ms": options.keepaliveIntervalMs ?? 10_000,
    });
    clients.push(client);
    return client;
  }

  function close(): void {
    for (const client of clients) {
      client.close();
    }
  }

  return {
    target,
    options,
    join(service) {
      const group = waiting;
      group.services.add(service);
      return () => {
        group.client ??= open(group);
        return group.client;
      };
    },
    close,
    [Symbol.dispose]: close,
  };
}

/**
 * A client for one service. Each call passes on the request id and the trace of the call that it is made for, and
 * ends at the earlier of `timeoutMs` and that call's deadline. Errors are ConnectErrors with their details: read
 * them with errorInfo(). To leave a stream early, abort the `signal` that the call was given.
 */
export function createServiceClient<S extends DescService>(service: S, channel: Channel): ConnectClient<S> {
  const { metrics, defaultTimeoutMs = 10_000, tokens } = channel.options;
  const meter = metrics === undefined ? undefined : clientMeter(metrics);
  return createClient(service, createGrpcTransport({ client: channel.join(service), defaultTimeoutMs, meter, tokens }));
}

/** The same connections, for calls that take along other tokens. */
export function withTokens(channel: Channel, tokens: CallTokens | undefined): Channel {
  return { ...channel, options: { ...channel.options, tokens } };
}

keepPingingWhileDraining();

type Group = { services: Set<DescService>; client: GrpcClient | undefined };

const grpcOptions: GrpcOptions = {
  // A connection that died without a word, as when a node is lost, is found out in 15 s, also when nobody calls.
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 5_000,
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
  // Our service config is our own: no TXT record is asked for at each look-up.
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_channelz": 0,
  "grpc-node.flow_control_window": 1024 * 1024,
};
