import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { loopback } from "./ports.ts";
import type { ProcessSpec } from "./processes.ts";
import { StartError } from "./start-error.ts";

export type DevServerOptions = {
  readonly program: string;
  readonly port: number;
  readonly uiPort: number;
  readonly databaseFile: string;
  /** Additional dynamic configuration, by key. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
};

/** Returns the process of the dev server: on loopback, with a database file and the web UI (about 1 MB of memory). */
export function devServer({ program, port, uiPort, databaseFile, settings }: DevServerOptions): ProcessSpec {
  const args = ["server", "start-dev", "--ip", loopback, "--port", `${port}`, "--ui-port", `${uiPort}`];
  args.push("--db-filename", databaseFile, "--log-level", "warn", "--log-format", "json");
  // One flush per commit instead of two: about doubles the server's throughput.
  args.push("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal");
  for (const [key, value] of Object.entries({ ...dynamicConfig, ...settings }))
    args.push("--dynamic-config-value", `${key}=${value}`);
  const address = `${loopback}:${port}`;
  return {
    name: "temporal",
    command: program,
    args,
    env: withoutTemporalVariables(process.env),
    waitsFor: async (signal) => {
      const answer = await describeNamespace(address, "default", signal);
      return answer === "found" ? await addSearchAttribute(address, "default", signal) : answer;
    },
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 15_000,
  };
}

const dynamicConfig: Readonly<Record<string, string>> = {
  // The worker gets the first task of a batch in the response to its start.
  "system.enableEagerWorkflowStart": "true",
  // The default of 2,400 calls per second is meant for a shared cluster; this server has one user.
  "frontend.namespaceRPS": "100000",
  "frontend.rps": "100000",
  // The dev server has one shard, which polls for tasks 20 times per second: each step of a workflow would wait up to
  // 50 ms. Measured with one workflow of four ordinary activities at a time: 450 ms with the default, 97 ms with this.
  "history.transferProcessorMaxPollRPS": "1000",
  // A worker gets the activities that it scheduled in the same response: 51 ms in the same measurement.
  "system.enableActivityEagerExecution": "true",
};

/** Checks a running server. Throws a StartError that says what is wrong with it. */
export async function checkTemporal(address: string, namespace: string): Promise<void> {
  const answer = await describeNamespace(address, namespace, AbortSignal.timeout(5_000));
  if (answer === "found") return;
  throw new StartError(
    answer === "no such namespace"
      ? `The Temporal server at ${address} (TEMPORAL_ADDRESS) has no namespace "${namespace}". Create it with: ` +
          `temporal operator namespace create --address ${address} ${namespace}`
      : `No Temporal server answers at ${address} (TEMPORAL_ADDRESS): ${answer}. Unset it to start one.`,
  );
}

/** The search attribute by which Temporal finds the workflows of an order. */
export const searchAttribute = "SagacartOrderId";

/**
 * Adds the search attribute to a namespace of our own server; nothing changes if it is there. The server's option
 * `--search-attribute` is for new databases alone. Returns why it must be tried again. A server that refuses it for good, such
 * as one that has as many attributes as it can, goes without it: so does the worker.
 */
export async function addSearchAttribute(
  address: string,
  namespace: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const keywordList = 7;
  const entry = Buffer.concat([field(1, searchAttribute), Buffer.from([0x10, keywordList])]);
  const request = Buffer.concat([field(1, entry), field(2, namespace)]);
  const error = await callOnce(address, "operatorservice.v1.OperatorService/AddSearchAttributes", { request, signal });
  return error !== undefined && passing.has(error.code) ? error.details : undefined;
}

const passing: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED]);

async function describeNamespace(address: string, namespace: string, signal: AbortSignal): Promise<string> {
  const request = field(1, namespace);
  const error = await callOnce(address, "workflowservice.v1.WorkflowService/DescribeNamespace", { request, signal });
  return error === undefined ? "found" : error.code === status.NOT_FOUND ? "no such namespace" : error.details;
}

/** Encodes a text or a message as a field of protobuf. */
function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

type CallError = { readonly code: status; readonly details: string };

// Uses plain gRPC: the SDK's client would load 100 MB for two calls, whose requests have a field or two. The content of the
// response is not read.
async function callOnce(
  address: string,
  method: string,
  { request, signal }: { request: Buffer; signal: AbortSignal },
): Promise<CallError | undefined> {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 200,
  });
  try {
    return await new Promise<CallError | undefined>((resolve) => {
      const call = client.makeUnaryRequest(
        `/temporal.api.${method}`,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        request,
        new Metadata({ waitForReady: true }),
        { deadline: Date.now() + 5_000 },
        (error) => resolve(error ?? undefined),
      );
      signal.addEventListener("abort", () => {
        call.cancel();
        resolve({ code: status.CANCELLED, details: "no answer in time" });
      });
    });
  } finally {
    client.close();
  }
}

// Variables such as TEMPORAL_CONFIG_FILE configure the user's own CLI, not this server.
function withoutTemporalVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("TEMPORAL_")));
}
