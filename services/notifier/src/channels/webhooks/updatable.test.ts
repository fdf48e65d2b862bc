import { getOption } from "@bufbuild/protobuf";
import { errorInfo } from "@sagacart/chassis/errors";
import { updatable } from "@sagacart/proto/auth/v1/access";
import { WebhookEndpointSchema } from "@sagacart/proto/notifier/v1/webhook";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Sender, startFeed, startSender, webhookDatabase } from "./testing/shop.ts";

const stack = new AsyncDisposableStack();
let client: Sender["client"];
const endpoint = { id: "erp", url: "https://127.0.0.1:1/hook", eventTypes: ["sagacart.order.*"] };
beforeAll(async () => {
  const feed = stack.use(await startFeed());
  const database = stack.use(await webhookDatabase());
  ({ client } = stack.use(await startSender({ feed, database })));
  await client.createWebhookEndpoint({ endpoint });
});
afterAll(() => stack.disposeAsync());

const { fields } = WebhookEndpointSchema;
const changed = fields.filter((field) => getOption(field, updatable)).map(({ name }) => name);
const others = fields.map(({ name }) => name).filter((name) => !changed.includes(name));

test("an update may change each field that the contract marks as updatable", async () => {
  expect(changed.length).toBeGreaterThan(0);
  await client.updateWebhookEndpoint({ endpoint, updateMask: { paths: changed } });
});

test.each(others)("an update of %s is refused, since the contract does not mark it", async (path) => {
  const error = await client.updateWebhookEndpoint({ endpoint, updateMask: { paths: [path] } }).then(
    () => new Error("it was accepted"),
    (error: unknown) => error,
  );
  expect(errorInfo(error)).toMatchObject({ reason: "UNKNOWN_FIELD", metadata: { path } });
});
