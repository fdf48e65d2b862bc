import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway } from "../testing/gateway.ts";

// What the load balancers of the clouds send, against the trusted proxies of the profiles in k8s/profiles. The connection comes
// from loopback here, in place of the last proxy, which is added to the trusted ones.

let standIn: StandIn;
beforeAll(async () => {
  standIn = await startStandIn();
});
afterAll(() => standIn[Symbol.asyncDispose]());

const balancer = "203.0.113.10";
const ada = "198.51.100.7";
const bob = "198.51.100.8";

type Shape = { readonly platform: string; readonly profile: string; forwarded(client: string, claimed: string): string };

/** The header X-Forwarded-For that arrives for a client, with what the client claimed itself. */
const shapes: readonly Shape[] = [
  {
    platform: "Google's load balancer, which appends the client and itself",
    profile: "prod-gke.yaml",
    forwarded: (client, claimed) => `${claimed}${client},${balancer}`,
  },
  {
    platform: "an ALB, which appends the client",
    profile: "prod-eks.yaml",
    forwarded: (client, claimed) => `${claimed}${client}`,
  },
  {
    platform: "an ALB that keeps the client's port",
    profile: "prod-eks.yaml",
    forwarded: (client, claimed) => `${claimed}${client}:${anyPort()}`,
  },
  {
    platform: "Azure's Application Gateway, which appends the client with its port",
    profile: "prod-aks.yaml",
    forwarded: (client, claimed) => `${claimed}${client}:${anyPort()}`,
  },
  {
    platform: "Istio's Envoy on AKS, behind an inner proxy of the pod network",
    profile: "prod-aks.yaml",
    forwarded: (client, claimed) => `${claimed}${client}, 10.244.1.7`,
  },
  {
    platform: "an ingress controller, which replaces what is claimed",
    profile: "prod-ingress.yaml",
    forwarded: (client) => client,
  },
  {
    platform: "an ingress controller with IPv6, in brackets with a port",
    profile: "prod-ingress.yaml",
    forwarded: (client, claimed) => `${claimed}[2001:db8:0:${client.split(".").at(-1)}::1]:${anyPort()}`,
  },
];

let port = 50_000;
function anyPort(): number {
  port += 1;
  return port;
}

function trustedBy(profile: string): string[] {
  const text = readFileSync(new URL(`../../../../k8s/profiles/${profile}`, import.meta.url), "utf8");
  const [, networks = ""] = /^ +TRUSTED_PROXIES: (.+)$/m.exec(text) ?? [];
  return networks.replace("<address of the load balancer>", balancer).split(",");
}

test.each(shapes)("behind $platform, each client is counted by its own address", async ({ profile, forwarded }) => {
  await using gateway = await startTestGateway(standIn.address, {
    limits: { writesPerMinute: 100, signInsPerMinute: 2 },
    trustedProxies: [...trustedBy(profile), "127.0.0.0/8", "::1"],
  });
  const signIn = async (client: string, claimed = "") => {
    const headers = { "x-forwarded-for": forwarded(client, claimed) };
    const body = { username: "ada", password: "secret-enough" };
    return (await gateway.send("POST /v1/sessions", { body, headers })).status;
  };

  // What the client claims changes nothing.
  expect([await signIn(ada), await signIn(ada, "6.6.6.6, "), await signIn(ada, `${bob}, `)]).toEqual([200, 200, 429]);
  expect([await signIn(bob), await signIn(bob)]).toEqual([200, 200]);
});

test("without the balancer's own address, all clients behind Google's load balancer would be one", async () => {
  await using gateway = await startTestGateway(standIn.address, {
    limits: { writesPerMinute: 100, signInsPerMinute: 2 },
    trustedProxies: ["130.211.0.0/22", "35.191.0.0/16", "127.0.0.0/8", "::1"],
  });
  const found: number[] = [];
  for (const client of [ada, bob, "198.51.100.9"]) {
    const headers = { "x-forwarded-for": `${client},${balancer}` };
    const body = { username: "ada", password: "secret-enough" };
    found.push((await gateway.send("POST /v1/sessions", { body, headers })).status);
  }
  expect(found).toEqual([200, 200, 429]);
});
