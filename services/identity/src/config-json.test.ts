import { expect, test } from "vitest";
import { oidcClients } from "./config-json.ts";
import { audience } from "./sessions/tokens.ts";

test("an application named like the audience of access tokens is refused: its ID tokens would pass for them", () => {
  const clients = (client_id: string) => JSON.stringify([{ client_id, redirect_uris: ["https://app.test/back"] }]);

  expect(oidcClients(clients("app"))).toMatchObject([{ client_id: "app" }]);
  expect(() => oidcClients(clients(audience))).toThrow("number 1");
});
