import { expect, test } from "vitest";
import { isWebhookSigned, signWebhook } from "./webhook-signature.ts";

const body = Buffer.from('{"id":"evt_1"}');
const time = new Date("2026-11-21T05:00:00.700Z");
const good = signWebhook(body, "secret", time);

test("a signature is the time and the HMAC-SHA256 of time and body, in hex", () => {
  expect(good).toBe("t=1795237200,v1=6236f4b2dfe379a7a723dfa435bb415b1824ff593541ee494afd66fa256ce47b");
});

test("what was signed with the secret is accepted for five minutes either way", () => {
  const at = (seconds: number) => isWebhookSigned(body, good, ["secret"], new Date(1795237200_000 + seconds * 1000));
  expect([at(0), at(300), at(-300)]).toEqual([true, true, true]);
  expect([at(301), at(-301)]).toEqual([false, false]);
});

test("one good signature among several is enough, so that a secret can be changed", () => {
  const other = signWebhook(body, "another secret", time).split(",")[1];
  expect(isWebhookSigned(body, `${good},${other}`, ["secret"], time)).toBe(true);
  expect(isWebhookSigned(body, `t=1795237200,${other},${good.split(",")[1]}`, ["secret"], time)).toBe(true);
});

test("each of the receiver's secrets is accepted while one is changed, and no other", () => {
  const signed = (secret: string) => isWebhookSigned(body, signWebhook(body, secret, time), ["new", "secret"], time);

  expect([signed("secret"), signed("new"), signed("older"), signed("")]).toEqual([true, true, false, false]);
  expect(isWebhookSigned(body, good, [], time)).toBe(false);
});

test("a sender with two secrets signs with both, so that a receiver with either accepts it", () => {
  const both = signWebhook(body, ["new", "secret"], time);

  expect(both.split(",")).toEqual(["t=1795237200", expect.stringMatching(/^v1=[0-9a-f]{64}$/), good.split(",")[1]]);
  expect([["new"], ["secret"], ["older"]].map((secrets) => isWebhookSigned(body, both, secrets, time))).toEqual([
    true,
    true,
    false,
  ]);
});

test.each([
  ["another body", Buffer.from('{"id":"evt_2"}'), good, "secret"],
  ["another secret", body, good, "guess"],
  ["another time", body, good.replace("t=1795237200", "t=1795237201"), "secret"],
  ["no signature", body, "", "secret"],
  ["no time", body, good.replace("t=1795237200,", ""), "secret"],
  ["no digest", body, "t=1795237200", "secret"],
  ["half a digest", body, good.slice(0, -32), "secret"],
  ["a digest with more behind it", body, `${good}00`, "secret"],
  ["a digest that is not hex", body, "t=1795237200,v1=zz", "secret"],
  ["a time that is not a number", body, "t=now,v1=00", "secret"],
])("%s is not accepted", (_, given, header, secret) => {
  expect(isWebhookSigned(given, header, [secret], time)).toBe(false);
});
