import { create } from "@bufbuild/protobuf";
import {
  type Order_State,
  type OrderChange,
  OrderChangeSchema,
  OrderPaymentSchema,
  Order_State as S,
} from "@sagacart/proto/order/v1/order";
import { expect, test } from "vitest";
import { isCancellable, isNothingTaken, timelineOf } from "./timeline.ts";

/** Changes to these states, a second apart. */
function changes(...states: Order_State[]): OrderChange[] {
  return states.map((state, index) =>
    create(OrderChangeSchema, { state, sequence: BigInt(index + 1), time: { seconds: BigInt(index) } }),
  );
}

function lines(states: Order_State[], outcomeReason = ""): string[] {
  const state = states.at(-1) ?? S.PENDING;
  return timelineOf({ state, outcomeReason }, changes(...states)).map(
    ({ what, status, time }) => `${what} ${status}${time === undefined ? "" : ` at ${time.seconds}`}`,
  );
}

test.each<[string, Order_State[], string, string[]]>([
  ["just placed", [S.PENDING], "", ["placed done at 0", "reserve doing", "charge todo", "ship todo"]],
  ["reserved", [S.PENDING, S.RESERVED], "", ["placed done at 0", "reserve done at 1", "charge doing", "ship todo"]],
  [
    "awaiting its customer's payment",
    [S.PENDING, S.AWAITING_PAYMENT],
    "",
    ["placed done at 0", "reserve done at 1", "charge waiting", "ship todo"],
  ],
  [
    "being shipped",
    [S.PENDING, S.RESERVED, S.PAID, S.SHIPPING],
    "",
    ["placed done at 0", "reserve done at 1", "charge done at 2", "ship doing"],
  ],
  [
    "completed",
    [S.PENDING, S.RESERVED, S.PAID, S.SHIPPING, S.COMPLETED],
    "",
    ["placed done at 0", "reserve done at 1", "charge done at 2", "ship done at 4", "end done at 4"],
  ],
  [
    "sold out: nothing was held, so nothing is undone",
    [S.PENDING, S.REJECTED],
    "OUT_OF_STOCK",
    ["placed done at 0", "reserve refused at 1", "charge skipped", "ship skipped", "end done at 1"],
  ],
  [
    "declined, and being undone",
    [S.PENDING, S.RESERVED, S.CANCELLING],
    "PAYMENT_DECLINED",
    [
      "placed done at 0",
      "reserve done at 1",
      "charge refused at 2",
      "ship skipped",
      "undo-charge doing",
      "undo-reserve doing",
    ],
  ],
  [
    "refused by the carrier, and undone last step first",
    [S.PENDING, S.RESERVED, S.PAID, S.SHIPPING, S.CANCELLING, S.CANCELLED],
    "SHIPMENT_REFUSED",
    [
      "placed done at 0",
      "reserve done at 1",
      "charge done at 2",
      "ship refused at 4",
      "undo-charge done at 5",
      "undo-reserve done at 5",
      "end done at 5",
    ],
  ],
  [
    "not paid in time",
    [S.PENDING, S.AWAITING_PAYMENT, S.CANCELLING, S.EXPIRED],
    "PAYMENT_OVERDUE",
    [
      "placed done at 0",
      "reserve done at 1",
      "charge refused at 2",
      "ship skipped",
      "undo-charge done at 3",
      "undo-reserve done at 3",
      "end done at 3",
    ],
  ],
  [
    "cancelled before anything was done",
    [S.PENDING, S.CANCELLING, S.CANCELLED],
    "CANCELLED_BY_CUSTOMER",
    [
      "placed done at 0",
      "reserve skipped",
      "charge skipped",
      "ship skipped",
      "undo-charge done at 2",
      "undo-reserve done at 2",
      "end done at 2",
    ],
  ],
])("an order that is %s", (_what, states, reason, expected) => {
  expect(lines(states, reason)).toEqual(expected);
});

test("an order can be cancelled until the carrier is asked to ship it", () => {
  const all = Object.values(S).filter((state) => typeof state === "number");
  expect(all.filter(isCancellable)).toEqual([S.PENDING, S.RESERVED, S.AWAITING_PAYMENT, S.PAID]);
});

test.each([
  ["no attempt to pay", { attempt: 0, declineReason: "" }, true],
  ["a declined one", { attempt: 2, declineReason: "card_declined" }, true],
  ["one that was not declined", { attempt: 1, declineReason: "" }, false],
])("after %s, %j: nothing was taken is %s", (_what, payment, expected) => {
  expect(isNothingTaken({ payment: create(OrderPaymentSchema, payment) })).toBe(expected);
});
