import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { errorInfo } from "@sagacart/chassis/errors";
import { LauncherService } from "@sagacart/proto/launcher/v1/launcher_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";

let standIn: StandIn;
let laptop: TestGateway;
let cluster: TestGateway;
beforeAll(async () => {
  standIn = await startStandIn();
  laptop = await startTestGateway(standIn.address);
  cluster = await startTestGateway(standIn.address, { addresses: { launcher: undefined } });
});
afterAll(async () => {
  await laptop[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

const callsAt = ({ url }: TestGateway) =>
  createClient(LauncherService, createConnectTransport({ baseUrl: url, httpVersion: "1.1" }));
const authorization = "Bearer of-an-operator";

test("the launcher of a laptop is called with the token of the person who asks, by Connect and REST", async () => {
  await callsAt(laptop).killProcess({ name: "worker" }, { headers: { authorization } });
  await fetch(`${laptop.url}/v1/launcher/processes/order:kill`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: "{}",
  });
  const asked = standIn.asked.filter(({ rpc }) => rpc === "KillProcess");
  expect(asked.map(({ request }) => request)).toEqual([{ name: "worker" }, { name: "order" }]);
  expect(asked.map(({ header }) => header.get("authorization"))).toEqual([authorization, authorization]);
});

test("a page of another site cannot use the launcher: what a form can send is refused, and cookies are no sign-in", async () => {
  const before = standIn.asked.length;
  for (const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"]) {
    const answer = await fetch(`${laptop.url}/v1/launcher/processes/order:kill`, {
      method: "POST",
      headers: { origin: "https://evil.example", cookie: "token=of-an-operator", "content-type": type },
      body: "{}",
    });
    expect(answer.status, type).toBeGreaterThanOrEqual(400);
  }
  expect(standIn.asked.length).toBe(before);
});

test("where there is no launcher, its methods are not implemented, whoever asks", async () => {
  const before = standIn.asked.length;
  const error = await callsAt(cluster)
    .killProcess({ name: "worker" }, { headers: { authorization } })
    .catch((thrown: unknown) => thrown);
  expect(errorInfo(error).code).toBe(12);
  const answer = await fetch(`${cluster.url}/v1/launcher`, { headers: { authorization } });
  expect(answer.status).toBe(501);
  expect(standIn.asked.length).toBe(before);
});
