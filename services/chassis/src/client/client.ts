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
  /** The source of the calls' tokens: this service's own, or callersToken. By default none. */
  tokens?: CallTokens | undefined;
  /** With a CA, connections use TLS, and the server needs a certificate of that CA for the target's name. */
  tls?: Tls | undefined;
  /** The timeout of a unary call if neither it nor the call that is being served has a deadline. */
  defaultTimeoutMs?: number;
  /** How calls that may be repeated are retried; by default up to three times within a second and a half. */
  retries?: RetryPolicy;
  /** How often the target's names are resolved, in ms; by default 5,000. */
  lookUpIntervalMs?: number;
  /** How often a silent connection is pinged, in ms; by default 10,000. */
  keepaliveIntervalMs?: number | undefined;
};

/** The connections to all instances of one service. */
export type Channel = Disposable & {
  readonly target: string;
  readonly options: ChannelOptions;
  /** For createServiceClient: returns a function that creates the client for this service's calls at the first one. */
  join(service: DescService): () => GrpcClient;
  /** Closes the connections. Calls in progress may finish, new ones fail. */
  close(): void;
};

/**
 * Opens a channel to `host:port`, `dns:///host:port`, `ipv4:1.2.3.4:1,1.2.3.4:2`, or several `host:port,host:port`.
 * Calls go to all addresses in turn (round robin). Names are resolved every few seconds, and when a connection ends, so new
 * pods get calls soon, and removed ones get no more. Connects at the first call.
 *
 * UNAVAILABLE is retried, up to three times (or by `retries`), with a growing pause and within the deadline, for methods with the option
 * IDEMPOTENT or NO_SIDE_EFFECTS; never for others. A unary call that no handler has seen, because its connection was
 * closing, is made again whatever its method.
 */
export function openChannel(target: string, options: ChannelOptions = {}): Channel {
  const clients: GrpcClient[] = [];
  let waiting: Group = { services: new Set(), client: undefined };

  // The methods that may be retried are fixed when a client is created. All services that joined before the first call
  // share one client, and its connections.
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
 * Creates a client for one service. Each call passes on the request id and the trace of the call that is being served, and
 * ends at the earlier of `timeoutMs` and that call's deadline. Errors are ConnectErrors with details: read them with
 * errorInfo(). To end a stream early, abort the call's `signal`.
 */
export function createServiceClient<S extends DescService>(service: S, channel: Channel): ConnectClient<S> {
  const { metrics, defaultTimeoutMs = 10_000, tokens } = channel.options;
  const meter = metrics === undefined ? undefined : clientMeter(metrics);
  return createClient(service, createGrpcTransport({ client: channel.join(service), defaultTimeoutMs, meter, tokens }));
}

/** Returns the same channel with another source of tokens. */
export function withTokens(channel: Channel, tokens: CallTokens | undefined): Channel {
  return { ...channel, options: { ...channel.options, tokens } };
}

keepPingingWhileDraining();

type Group = { services: Set<DescService>; client: GrpcClient | undefined };

const grpcOptions: GrpcOptions = {
  // Detects a dead connection, for example of a lost node, within 15 s, even without calls.
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 5_000,
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
  // The service config is set above: no TXT record is queried at each look-up.
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_channelz": 0,
  "grpc-node.flow_control_window": 1024 * 1024,
};
