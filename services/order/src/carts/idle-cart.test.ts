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
  ["a cart that was just changed is looked at again in a week at most", {}, 0, { kind: "WAIT", at: at(7) }],
  ["nobody is reminded before it is time", {}, 82, { kind: "WAIT", at: at(83) }],
  ["a reminder tells of the end", {}, 83, { kind: "REMIND", expireTime: at(90), at: at(90) }],
  ["a reminder that is late puts the end off", {}, 120, { kind: "REMIND", expireTime: at(127), at: at(127) }],
  [
    "after the reminder it lasts as long as was told",
    { notifiedExpireTime: at(127) },
    126.5,
    { kind: "WAIT", at: at(127) },
  ],
  ["at the end that was told it expires", { notifiedExpireTime: at(127) }, 127, { kind: "EXPIRE" }],
  ["an empty cart expires without a reminder", { isEmpty: true }, 90, { kind: "EXPIRE" }],
  ["an empty cart does not expire sooner", { isEmpty: true }, 89, { kind: "WAIT", at: at(90) }],
  ["a guest's cart expires sooner, and nobody is reminded", { isGuest: true }, 30, { kind: "EXPIRE" }],
  ["a guest's cart lasts until then", { isGuest: true }, 29, { kind: "WAIT", at: at(30) }],
  [
    "a cart that is being checked out is looked at later, however old it is",
    { state: "CHECKING_OUT" },
    1_000,
    { kind: "WAIT", at: at(1_000 + 1 / 24) },
  ],
  ["one that was bought is forgotten", { state: "PURCHASED" }, 1_000, { kind: "FORGET" }],
  ["one that was deleted is forgotten", { state: "DELETED" }, 1_000, { kind: "FORGET" }],
  ["one that was merged is forgotten", { state: "MERGED" }, 1_000, { kind: "FORGET" }],
  ["one that has expired is forgotten", { state: "EXPIRED" }, 1_000, { kind: "FORGET" }],
])("%s", (_, cart, days, expected) => {
  expect(judge({ ...open, ...cart }, at(days), periods)).toEqual(expected);
});
