import { expect, test } from "vitest";
import { type CheckedCart, judge, type Verdict } from "./idle-cart.ts";

const day = 86_400_000;
const periods = { expireAfterMs: 90 * day, expireGuestsAfterMs: 30 * day, remindBeforeMs: 7 * day };
const at = (days: number) => new Date(Date.UTC(2030, 0, 1) + days * day);

/** Changed on day 0. */
const open: CheckedCart = {
  state: "OPEN",
  isGuest: false,
  isEmpty: false,
  updateTime: at(0),
  notifiedExpireTime: undefined,
};

test.each<[string, Partial<CheckedCart>, number, Verdict]>([
  ["a changed cart is checked again after a week at most", {}, 0, { kind: "WAIT", at: at(7) }],
  ["no reminder comes before its time", {}, 82, { kind: "WAIT", at: at(83) }],
  ["a reminder has the time of the expiry", {}, 83, { kind: "REMIND", expireTime: at(90), at: at(90) }],
  ["a late reminder postpones the expiry", {}, 120, { kind: "REMIND", expireTime: at(127), at: at(127) }],
  [
    "after a reminder the cart lasts until the time in it",
    { notifiedExpireTime: at(127) },
    126.5,
    { kind: "WAIT", at: at(127) },
  ],
  ["the cart expires at the time in the reminder", { notifiedExpireTime: at(127) }, 127, { kind: "EXPIRE" }],
  ["an empty cart expires without a reminder", { isEmpty: true }, 90, { kind: "EXPIRE" }],
  ["an empty cart does not expire earlier", { isEmpty: true }, 89, { kind: "WAIT", at: at(90) }],
  ["a guest's cart expires without a reminder", { isGuest: true }, 30, { kind: "EXPIRE" }],
  ["a guest's cart does not expire earlier", { isGuest: true }, 29, { kind: "WAIT", at: at(30) }],
  [
    "a cart that is being checked out is checked again in an hour, at any age",
    { state: "CHECKING_OUT" },
    1_000,
    { kind: "WAIT", at: at(1_000 + 1 / 24) },
  ],
  ["a bought cart needs no more checks", { state: "PURCHASED" }, 1_000, { kind: "FORGET" }],
  ["a deleted cart needs no more checks", { state: "DELETED" }, 1_000, { kind: "FORGET" }],
  ["a merged cart needs no more checks", { state: "MERGED" }, 1_000, { kind: "FORGET" }],
  ["an expired cart needs no more checks", { state: "EXPIRED" }, 1_000, { kind: "FORGET" }],
])("%s", (_, cart, days, expected) => {
  expect(judge({ ...open, ...cart }, at(days), periods)).toEqual(expected);
});
