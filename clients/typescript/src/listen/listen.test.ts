import { create } from "@bufbuild/protobuf";
import { ConsumerSchema } from "@sagacart/proto/event/v1/consumer";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService, type ReadEventsRequest } from "@sagacart/proto/event/v1/event_service";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createShop } from "../shop.ts";
import { type StandIn, startStandIn } from "../testing/stand-in.ts";
import { createListener } from "./listen.ts";

const end = 45_000n;
let standIn: StandIn;
let stopping: AbortController;

beforeAll(async () => {
  standIn = await startStandIn(EventService, ConsumerService);
  // The service scans 20,000 positions at a time for events of the types.
  standIn.answer("ReadEvents", ({ afterPosition }: ReadEventsRequest) => ({
    nextPosition: afterPosition + 20_000n < end ? afterPosition + 20_000n : end,
  }));
  standIn.answer("SubscribeEvents", async function* () {
    stopping.abort();
    yield {};
  });
});
afterAll(() => standIn?.[Symbol.asyncDispose]());
beforeEach(() => {
  standIn.asked.length = 0;
  stopping = new AbortController();
});

/** Listens until the subscription is open, and returns what was printed first. */
async function firstLine(after?: bigint): Promise<string | undefined> {
  const printed: string[] = [];
  const shop = createShop(standIn.transport("node, HTTP/1.1"));
  const print = (line: string) => void printed.push(line);
  const listener = createListener(shop, { forwardTo: "http://127.0.0.1:1", secret: "whsec_", after, print });
  await listener.run(stopping.signal);
  return printed[0];
}

test("a feed without consumers is listened to from its end, and not from its beginning", async () => {
  standIn.answer("ListConsumers", () => ({ consumers: [] }));
  expect(await firstLine()).toBe(`listening after position ${end}`);
});

test("the end of a feed with consumers comes from them", async () => {
  standIn.answer("ListConsumers", () => ({ consumers: [create(ConsumerSchema, { headPosition: 7n })] }));
  expect(await firstLine()).toBe("listening after position 7");
});

test("the whole history is forwarded only when asked for", async () => {
  expect(await firstLine(0n)).toBe("listening after position 0");
});
