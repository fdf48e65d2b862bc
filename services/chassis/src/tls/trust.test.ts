import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAuthority, createSecretFolder, type SecretFolder } from "../testing/certificates.ts";
import { isInside } from "./trust.ts";

test.each([
  ...["localhost", "sagacart-identity", "sagacart-identity.", "Sagacart-Identity"],
  ...["keycloak.auth.svc", "keycloak.auth.svc.cluster.local", "keycloak.auth.svc.corp.example"],
  ...["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "[::1]", "[fd00::1]"],
])("%s is inside of the cluster", (host) => expect(isInside(host)).toBe(true));

test.each([
  ...["cards.example", "identity.sagacart.example", "svc.example", "notsvc.example", "shop.svcs"],
  ...["1.1.1.1", "172.32.0.1", "[2606:4700::1111]"],
])("%s is outside", (host) => expect(isInside(host)).toBe(false));

const cleanup = new AsyncDisposableStack();
const [publicCa, clusterCa] = [await createAuthority(), await createAuthority()];
let folder: SecretFolder;

beforeAll(async () => {
  folder = cleanup.use(await createSecretFolder({ "ca.crt": clusterCa.cert, "public.crt": publicCa.cert }));
});
afterAll(() => cleanup.disposeAsync());

/** Serves HTTPS for a name with a certificate of this CA, and returns its port. */
async function serve(authority: typeof publicCa, name: string): Promise<number> {
  const { cert, key } = await authority.issue(name);
  const server = createServer({ cert, key }, (_request, response) => response.end("hello")).listen(0, "127.0.0.1");
  cleanup.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/**
 * Asks by strictFetch and by an agent with the connector, in a process of its own whose public CAs are those of the test,
 * which resolves all names to this machine.
 */
async function ask(name: string, port: number, ca: string | undefined): Promise<unknown> {
  const program = `
    import dns from "node:dns";
    dns.lookup = (_host, options, callback) =>
      options.all ? callback(null, [{ address: "127.0.0.1", family: 4 }]) : callback(null, "127.0.0.1", 4);
    const { strictFetch } = await import(${JSON.stringify(new URL("../client/fetch.ts", import.meta.url).href)});
    const { createConnector } = await import(${JSON.stringify(new URL("connector.ts", import.meta.url).href)});
    const { openTls } = await import(${JSON.stringify(new URL("files.ts", import.meta.url).href)});
    const { Agent } = await import("undici");
    openTls({ config: { TLS_CA_FILE: ${JSON.stringify(ca)}, TLS_CLIENT_AUTH: "none" }, log: console });
    const url = "https://${name}:${port}/";
    const agent = new Agent({ connect: createConnector() });
    const said = await Promise.all([
      strictFetch(url).then((answer) => answer.text(), (error) => error.cause?.code ?? String(error)),
      agent.request({ origin: url, path: "/", method: "GET" }).then(({ body }) => body.text(), (error) => error.code),
    ]);
    console.log(JSON.stringify(said));
    process.exit(0);`;
  const env = {
    ...process.env,
    NODE_OPTIONS: "--use-openssl-ca",
    SSL_CERT_FILE: folder.path("public.crt"),
    SSL_CERT_DIR: "/nowhere",
  };
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: new URL(".", import.meta.url),
    env,
  });
  return JSON.parse(stdout);
}

// Both CAs of the test have the same name.
const unknownCa = ["CERT_SIGNATURE_FAILURE", "CERT_SIGNATURE_FAILURE"];
const good = ["hello", "hello"];

test.each([
  ["a host inside with a certificate of the cluster's CA", "sagacart-identity", "cluster", good],
  ["a host inside with a certificate of a public CA", "sagacart-identity", "public", unknownCa],
  ["a host outside with a certificate of a public CA", "issuer.example", "public", good],
  ["a host outside with a certificate of the cluster's CA", "issuer.example", "cluster", unknownCa],
] as const)("%s", async (_what, name, authority, said) => {
  const port = await serve(authority === "cluster" ? clusterCa : publicCa, name);

  expect(await ask(name, port, folder.path("ca.crt"))).toEqual(said);
});

test("without a CA of the cluster, the public CAs count for all", async () => {
  const port = await serve(publicCa, "sagacart-identity");

  expect(await ask("sagacart-identity", port, undefined)).toEqual(good);
});
