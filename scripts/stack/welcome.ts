import { serviceNames } from "../shop.ts";
import { laptopUsers, operatorName } from "./users.ts";

/** Returns the text shown when the shop is ready: addresses, memory, and three commands to try. */
export function welcome(shop: {
  readonly addresses: Readonly<Record<string, string>>;
  readonly stateDirectory: string;
  readonly memory: { readonly bytes: number; readonly measure: string };
  readonly seconds: number;
}): string {
  const { addresses, memory } = shop;
  const port = (name: string) => Number(addresses[name]?.split(":").at(-1));
  const rows = [
    ["shop", `http://localhost:${port("gateway")}/`],
    ["console", `http://localhost:${port("gateway")}/console, for ${operatorName}`],
    ["gateway (REST)", `http://localhost:${port("gateway")}/openapi.json`],
    ...serviceNames.map((name) => [
      `${name} (gRPC)`,
      `localhost:${port(name)}, metrics http://localhost:${port(name) + 1000}/metrics`,
    ]),
    ["compatible REST APIs", `through the gateway; metrics http://localhost:${port("surfaces") + 1000}/metrics`],
    ["sign-in", `http://localhost:${port("gateway")}/.well-known/openid-configuration`],
    ["users", laptopUsers.map(({ username, password }) => `${username} / ${password}`).join(", ")],
    ["test methods", "docs/test-methods.md: cards, addresses and faults to try"],
    ["worker", `metrics http://localhost:${port("worker-admin")}/metrics`],
    ["Temporal", `${addresses.temporal}, web UI http://localhost:${port("temporal-ui")}`],
    ...(addresses.traces === undefined
      ? []
      : [["traces", `on each order's page in the console; OTLP at http://localhost:${port("traces")}`]]),
    ["Postgres", `${addresses.postgres}, connection strings in ${shop.stateDirectory}/shop.json`],
    ["logs", `${shop.stateDirectory}/logs`],
  ];
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  const mebibytes = Math.round(memory.bytes / 2 ** 20);
  const order =
    '{"customerId":"alice","lines":[{"productId":"product.mouse","quantity":1}],"waitFor":"WAIT_FOR_COMPLETED"}';
  const alice = '{"username":"alice","password":"alice123"}';
  return `
${rows.map(([name = "", where]) => `  ${name.padEnd(width)}  ${where}`).join("\n")}

The shop is ready after ${shop.seconds.toFixed(1)} s. Memory of all its processes: ${mebibytes} MiB (sum of ${memory.measure}).

Three things to try:

  1. List the products:
     curl -s localhost:${port("gateway")}/v1/products

  2. Sign in as Alice and buy a mouse; the response comes when the order is completed:
     TOKEN=$(curl -s localhost:${port("gateway")}/v1/sessions -H 'Content-Type: application/json' -d '${alice}' | grep -o '"accessToken":"[^"]*' | cut -d'"' -f4)
     curl -s localhost:${port("gateway")}/v1/orders -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H "Idempotency-Key: $(date +%s%N)" -d '${order}'

  3. Call the order service over gRPC and list Alice's orders:
     grpcurl -plaintext localhost:${port("order")} list
     grpcurl -plaintext -H "Authorization: Bearer $TOKEN" localhost:${port("order")} sagacart.order.v1.OrderService/ListOrders

Ctrl-C stops it and keeps its data. npm run reset deletes the data.
`;
}
