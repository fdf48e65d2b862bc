import { expect, test } from "vitest";
import { finalRefusal } from "./refusal.ts";

test.each([
  [400, {}, "http_400"],
  [402, { reason: "account_closed" }, "account_closed"],
  [404, { code: "resource_missing" }, "resource_missing"],
  [410, { reason: "Not a word" }, "http_410"],
  [422, { reason: 7, code: null }, "http_422"],
  [451, { reason: "" }, "http_451"],
])("%i with %j is final: %s", (code, fields, reason) => {
  expect(finalRefusal(code, fields)).toBe(reason);
});

test.each([200, 202, 301, 401, 403, 407, 408, 409, 421, 423, 425, 429, 500, 502, 503, 504])(
  "%i is not final, whatever it says",
  (code) => {
    expect(finalRefusal(code, { reason: "refused" })).toBeUndefined();
  },
);
