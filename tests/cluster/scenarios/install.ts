import { uuidv7 } from "@sagacart/chassis/uuid";
import { run } from "../../../scripts/program.ts";
import { portOf, serviceNames } from "../../../scripts/shop.ts";
import { until } from "../../../scripts/until.ts";
import { findGrpcurl } from "../../support/grpcurl.ts";
import { check, type Scenario, type Stage } from "../scenario.ts";

/** Installs everything, then calls the shop in every way: helm test, REST and gRPC. */
export const install: Scenario = {
  name: "install",
  promise: "operators, databases, Temporal and charts in the ci profile; helm test, a checkout, grpcurl",
  async run(stage) {
    const { shop, measured } = stage;
    const startedAt = performance.now();
    await stage.install({}, { steps: stage.firstSteps });
    await shop.ready();
    const pods = await shop.namespace.list("pods", `app.kubernetes.io/instance=${shop.release}`);
    measured(`${pods.length} pods ready after ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);

    const testedAt = performance.now();
    await shop.namespace.helm(["test", shop.release, "--timeout", "5m"]);
    measured(`helm test passed in ${((performance.now() - testedAt) / 1000).toFixed(0)} s`);
    measured(await checkout(stage));
    measured(await grpcurl(stage));
  },
};

/** Signs in as a seeded customer and buys a mouse through the gateway, like a browser. Returns a line for the table. */
export async function checkout({ shop }: Pick<Stage, "shop">): Promise<string> {
  await using gateway = await shop.namespace.forward(`svc/${shop.objectName("gateway")}`, 8080);
  const send = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://${gateway.address}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    check(response.ok, `POST ${path} answered ${response.status}: ${text.slice(0, 500)}`);
    return JSON.parse(text);
  };
  const authorization = `Bearer ${(await send("/v1/sessions", await userOf(shop, "alice"))).session.accessToken}`;
  const startedAt = performance.now();
  const { order } = await send(
    "/v1/orders",
    { customerId: "alice", lines: [{ productId: "product.mouse", quantity: 1 }], waitFor: "WAIT_FOR_COMPLETED" },
    { authorization, "idempotency-key": uuidv7() },
  );
  check(
    order.state === "STATE_COMPLETED",
    `order ${order.id} is ${order.state}: ${JSON.stringify(order).slice(0, 500)}`,
  );
  return `a checkout through the gateway: ${order.state} in ${(performance.now() - startedAt).toFixed(0)} ms`;
}

/** Returns the name and password of a user that identity created at its start. */
export async function userOf(shop: Stage["shop"], username: string): Promise<{ username: string; password: string }> {
  const { SEED_USERS = "[]" } = await shop.namespace.secret(shop.objectName("identity"));
  const users: { username: string; password: string }[] = JSON.parse(SEED_USERS);
  const user = users.find((one) => one.username === username);
  check(user !== undefined, `SEED_USERS in the Secret ${shop.objectName("identity")} has no ${username}`);
  return { username, password: user.password };
}

async function grpcurl({ shop }: Stage): Promise<string> {
  const program = await findGrpcurl();
  for (const name of serviceNames) {
    await using service = await shop.namespace.forward(`svc/${shop.objectName(name)}`, portOf(name));
    const ask = (...args: string[]) => run(program, ["-plaintext", "-max-time", "20", service.address, ...args]);
    const list = await ask("list");
    check(list.includes(`sagacart.${name}.v1.`), `grpcurl list of ${name} shows ${list}`);
    const health = await until(`health of ${name}`, () => ask("grpc.health.v1.Health/Check"));
    check(health.includes("SERVING"), `${name} is ${health}`);
  }
  await using stock = await shop.namespace.forward(`svc/${shop.objectName("stock")}`, portOf("stock"));
  const answer = await run(program, ["-plaintext", stock.address, "sagacart.stock.v1.ProductService/ListProducts"]);
  const { products = [] } = JSON.parse(answer);
  check(products.length > 0, `ListProducts answers ${answer}`);
  return `grpcurl through a port-forward: list and health of ${serviceNames.length} services, ${products.length} products`;
}
