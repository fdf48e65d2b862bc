import { expect, test } from "vitest";
import { oidcClients } from "./config-json.ts";
import { audience } from "./sessions/tokens.ts";

test("no application has the name of whom access tokens are for: its ID tokens would be taken for them", () => {
  const clients = (client_id: string) => JSON.stringify([{ client_id, redirect_uris: ["https://app.test/back"] }]);

  expect(oidcClients(clients("app"))).toMatchObject([{ client_id: "app" }]);
  expect(() => oidcClients(clients(audience))).toThrow("number 1");
});
