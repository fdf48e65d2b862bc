import { expect, test } from "vitest";
import { wantedSecrets } from "./secrets.ts";

test("identity knows each program by the secret that the program has", () => {
  const secrets = wantedSecrets({}, true);
  const known: Record<string, string> = JSON.parse(secrets.identity?.SERVICE_CLIENT_SECRETS ?? "{}");
  expect(known.order).toBe(secrets.order?.SERVICE_CLIENT_SECRET);
  expect(known.worker).toBe(secrets.worker?.SERVICE_CLIENT_SECRET);
  expect(known.scripts).toBe(secrets.tools?.SERVICE_CLIENT_SECRET);
});

test("a program that lost its Secret gets the one that identity knows it by", () => {
  const there = { identity: { SERVICE_CLIENT_SECRETS: JSON.stringify({ order: "of-the-order-service" }) } };
  expect(wantedSecrets(there, true).order).toEqual({ SERVICE_CLIENT_SECRET: "of-the-order-service" });
});

test("identity is told of what the programs have already", () => {
  const { identity } = wantedSecrets({ gateway: { SERVICE_CLIENT_SECRET: "of-the-gateway-here" } }, true);
  expect(JSON.parse(identity?.SERVICE_CLIENT_SECRETS ?? "{}")).toMatchObject({ gateway: "of-the-gateway-here" });
});

test("production has no users to begin with, and a mail server", () => {
  const { identity = {}, notifier = {} } = wantedSecrets({}, false);
  expect(Object.keys(identity)).toEqual(["KEY_ENCRYPTION_SECRET", "SERVICE_CLIENT_SECRETS", "SMTP_URL"]);
  expect(Object.keys(notifier)).toEqual(["SERVICE_CLIENT_SECRET", "UNSUBSCRIBE_SECRETS", "SMTP_URL"]);
});

test("the surfaces have a client where the shop is tried, and none in production, which is without them", () => {
  const trying = wantedSecrets({}, true);
  const production = wantedSecrets({}, false);
  const known = ({ identity }: ReturnType<typeof wantedSecrets>) =>
    JSON.parse(identity?.SERVICE_CLIENT_SECRETS ?? "{}");

  expect(trying.surfaces?.SERVICE_CLIENT_SECRET).toBe(known(trying).surfaces);
  expect(production).not.toHaveProperty("surfaces");
  expect(known(production)).not.toHaveProperty("surfaces");
});
