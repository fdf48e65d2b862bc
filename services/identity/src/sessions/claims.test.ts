import { readFileSync } from "node:fs";
import { decodeJwt } from "jose";
import { expect, test } from "vitest";
import { startTestIdentity, testServiceSecret } from "../testing/identity.ts";

const page = readFileSync(new URL("../../../../docs/security/data.md", import.meta.url), "utf8");

/** The claims that docs/security/data.md says a kind of token carries. */
function documented(carrier: string): string[] {
  const row = page.split("\n").find((line) => line.startsWith(`| ${carrier} |`)) ?? "";
  return [...(row.split("|")[2] ?? "").matchAll(/`(\w+)`/g)].map(([, name = ""]) => name).toSorted();
}

test("access tokens carry the claims that docs/security/data.md names, and no others", async () => {
  await using running = await startTestIdentity();
  const { accessToken } = await running.register();
  const answer = await fetch(`${running.httpUrl}/oidc/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`order:${testServiceSecret}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  const { access_token: ofProgram } = (await answer.json()) as { access_token: string };

  expect(Object.keys(decodeJwt(accessToken)).toSorted()).toEqual(documented("access tokens"));
  expect(Object.keys(decodeJwt(ofProgram)).toSorted()).toEqual(documented("tokens of programs"));
});
