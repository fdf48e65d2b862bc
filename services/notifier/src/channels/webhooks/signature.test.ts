import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { newSecret, signedHeaders } from "./signature.ts";

const content = { id: "0199", body: '{"a":"ä"}' };

test("a signature verifies with the secret, and not for another id, body or time", () => {
  const secret = newSecret();
  const headers = signedHeaders(content, [secret], new Date());
  const webhook = new Webhook(secret);

  expect(webhook.verify(content.body, headers)).toEqual({ a: "ä" });
  expect(() => webhook.verify(`${content.body} `, headers)).toThrow();
  expect(() => webhook.verify(content.body, { ...headers, "webhook-id": "0198" })).toThrow();
  const later = String(Number(headers["webhook-timestamp"]) + 1);
  expect(() => webhook.verify(content.body, { ...headers, "webhook-timestamp": later })).toThrow();
  expect(() => new Webhook(newSecret()).verify(content.body, headers)).toThrow();
});

test("while a secret is replaced, either of the two verifies", () => {
  const secrets = [newSecret(), newSecret()];
  const headers = signedHeaders(content, secrets, new Date());

  for (const secret of secrets) {
    expect(new Webhook(secret).verify(content.body, headers)).toEqual({ a: "ä" });
  }
});

test("the header matches the specification's example", () => {
  const headers = signedHeaders(
    { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", body: '{"test": 2432232314}' },
    ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    new Date(1_614_265_330_000),
  );

  expect(headers["webhook-signature"]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
});
