import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, credentials, status } from "@grpc/grpc-js";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { afterEach, expect, test } from "vitest";
import { migrations } from "./testing/stock.ts";

let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill("SIGKILL");
});

test("the process serves gRPC, and exits with 0 on SIGTERM", async () => {
  await using database = await testDatabase(migrations);
  const { port, exit } = await startProcess(database.url);
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const { createProduct, getProduct } = ProductService.method;
  const { batchReserve, batchCommit } = StockService.method;

  const price = { currencyCode: "EUR", minorUnits: 1999n };
  await call(client, createProduct, { product: { id: "lamp", title: "A lamp", price }, initialOnHand: 2 });
  const item = (orderId: string) => ({ orderId, lines: [{ productId: "lamp", quantity: 2 }] });
  const { outcomes } = await call(client, batchReserve, { items: [item("first"), item("second")] });
  await call(client, batchCommit, { orderIds: ["first"] });
  const { product } = await call(client, getProduct, { id: "lamp" });
  const missing = call(client, getProduct, { id: "nowhere" });

  expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(["reserved", "refused"]);
  expect(product).toMatchObject({ onHand: 0, reserved: 0 });
  await expect(missing).rejects.toMatchObject({ code: status.NOT_FOUND, details: "there is no product nowhere" });
  client.close();
  child?.kill("SIGTERM");
  expect(await exit).toEqual([0, null]);
});

async function startProcess(url: string): Promise<{ port: number; exit: Promise<unknown[]> }> {
  const main = fileURLToPath(new URL("./main.ts", import.meta.url));
  const env = { PATH: process.env.PATH, AUTH: "off", DATABASE_URL: url, PORT: "0", ADMIN_PORT: "0" };
  const started = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "inherit"] });
  child = started;
  const exit = once(started, "exit");
  for await (const line of createInterface(started.stdout)) {
    const { msg, port } = JSON.parse(line);
    if (msg === "ready") {
      return { port, exit };
    }
  }
  throw new Error("the process ended before it was ready");
}

function call<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
): Promise<MessageShape<O>> {
  const { promise, resolve, reject } = Promise.withResolvers<MessageShape<O>>();
  client.makeUnaryRequest<MessageShape<I>, MessageShape<O>>(
    `/${method.parent.typeName}/${method.name}`,
    (message) => Buffer.from(toBinary(method.input, message)),
    (bytes) => fromBinary(method.output, bytes),
    create(method.input, request),
    (error, answer) => (answer === undefined ? reject(error) : resolve(answer)),
  );
  return promise;
}
