import { createHash, randomBytes } from "node:crypto";
import { auditShop } from "../../../scripts/kubernetes/audit.ts";
import { isReady } from "../../../scripts/kubernetes/shop.ts";
import { deployedNames, type PartName, serviceClients } from "../../../scripts/shop.ts";
import { until } from "../../../scripts/until.ts";
import { checkAnswered, checkFinal, inShort, moreAnswers, startLoad } from "../load.ts";
import { check, type Scenario, type Stage } from "../scenario.ts";
import { replicas } from "./rolling.ts";

/**
 * Rotates secrets as docs/operations/rotation.md says, while callers buy without retries: the client secrets of all programs, the
 * providers' webhook secrets, the secret of unsubscribe links, identity's encryption secret, and the password with which a
 * service connects to its database.
 */
export const rotation: Scenario = {
  name: "rotation",
  promise: "secrets rotated under load refuse no call and lose no order, and the old ones are refused afterwards",
  async run(stage) {
    const { shop, say, measured } = stage;
    const parts: PartName[] = [...deployedNames, "worker"];
    const values = {
      ...replicas(parts, 2),
      identity: { replicas: 2, secret: { keys: { KEY_ENCRYPTION_SECRETS_BEFORE: true } } },
    };
    const identity = await shop.namespace.secret(shop.objectName("identity"));
    const { KEY_ENCRYPTION_SECRET: encryptionBefore = "" } = identity;
    const clients = Object.entries(secretsByClient(identity)).map(([name, before]) => ({
      name,
      before,
      after: newSecret(),
    }));
    const missing = serviceClients.filter((name) => !clients.some((client) => client.name === name));
    check(missing.length === 0, `identity knows no secret of ${missing.join(", ")}`);
    const encryptionAfter = newSecret();
    const shared = await Promise.all(
      [
        { part: "payment", key: "PROVIDER_WEBHOOK_SECRET" },
        { part: "shipping", key: "CARRIER_WEBHOOK_SECRET" },
        { part: "notifier", key: "UNSUBSCRIBE_SECRETS" },
      ].map(async ({ part, key }) => {
        const before = (await shop.namespace.secret(shop.objectName(part)))[key] ?? "";
        return { part, key, before, after: newSecret() };
      }),
    );

    await changeSecret(stage, "identity", { KEY_ENCRYPTION_SECRETS_BEFORE: encryptionBefore });
    await stage.install(values);
    await using load = await startLoad(shop, { callers: 8, pauseMs: 100 });
    await moreAnswers(load, 50, 120_000);
    const round = async (what: string, rotate: () => Promise<void>) => {
      const before = await load.count();
      const startedAt = performance.now();
      await rotate();
      await stage.install(values);
      await shop.ready();
      await moreAnswers(load, 20, 120_000);
      const after = await load.count();
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
      say(
        `${what}: ${seconds} s, ${after.answered - before.answered} answered, ${after.failed - before.failed} failed`,
      );
    };
    try {
      await round("the new secrets are valid, too", async () => {
        await changeSecret(stage, "identity", {
          SERVICE_CLIENT_SECRETS: JSON.stringify(
            Object.fromEntries(clients.map(({ name, before, after }) => [name, [before, after]])),
          ),
          KEY_ENCRYPTION_SECRETS_BEFORE: encryptionAfter,
        });
        for (const { part, key, before, after } of shared) {
          await changeSecret(stage, part, { [key]: `${before},${after}` });
        }
      });
      await round("the new secrets are used", async () => {
        for (const { name, after } of clients) {
          await changeSecret(stage, name, { SERVICE_CLIENT_SECRET: after });
        }
        await changeSecret(stage, "identity", {
          KEY_ENCRYPTION_SECRET: encryptionAfter,
          KEY_ENCRYPTION_SECRETS_BEFORE: encryptionBefore,
        });
        for (const { part, key, before, after } of shared) {
          await changeSecret(stage, part, { [key]: `${after},${before}` });
        }
      });
      await round("the secrets before are refused", async () => {
        await changeSecret(stage, "identity", {
          SERVICE_CLIENT_SECRETS: JSON.stringify(Object.fromEntries(clients.map(({ name, after }) => [name, after]))),
        });
        for (const { part, key, after } of shared) {
          await changeSecret(stage, part, { [key]: after });
        }
      });
      for (const { name, before, after } of clients) {
        check((await tokenStatus(stage, name, after)) === 200, `identity refuses the new secret of ${name}`);
        check((await tokenStatus(stage, name, before)) === 401, `identity takes the secret before of ${name}`);
      }
      await rotatePassword(stage, "order");
      await moreAnswers(load, 50, 120_000);
      const report = await load.stop();
      for (const failure of report.failures.slice(0, 20)) say(failure);
      measured(`${clients.length} client secrets, ${shared.length + 1} others and a database's: ${inShort(report)}`);
      measured(`audit: ${await auditShop(shop)}`);
      checkAnswered(report);
      checkFinal(report);
    } finally {
      // The other scenarios do not mount KEY_ENCRYPTION_SECRETS_BEFORE, and the signing key is still that of before.
      await changeSecret(stage, "identity", { KEY_ENCRYPTION_SECRET: encryptionBefore });
      await stage.install();
    }
  },
};

/** Returns each client's secret that is in use. */
function secretsByClient({ SERVICE_CLIENT_SECRETS = "{}" }: Readonly<Record<string, string>>): Record<string, string> {
  const known: Record<string, string | string[]> = JSON.parse(SERVICE_CLIENT_SECRETS);
  return Object.fromEntries(Object.entries(known).map(([name, secrets]) => [name, [secrets].flat()[0] ?? ""]));
}

function newSecret(): string {
  return randomBytes(24).toString("base64url");
}

/** Changes keys of a part's Secret. */
async function changeSecret({ shop }: Stage, part: string, values: Record<string, string>): Promise<void> {
  await change(shop, shop.objectName(part), values);
}

/** Changes keys of a Secret, whose values go by standard input. Fails if somebody else changed it in between. */
async function change(shop: Stage["shop"], name: string, values: Record<string, string>): Promise<void> {
  const secret = await shop.namespace.find("secret", name);
  const changed = Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  const input = JSON.stringify({ ...secret, data: { ...secret.data, ...Object.fromEntries(changed) } });
  await shop.namespace.kubectl(["replace", "-f", "-"], { input });
}

/** Asks identity for a token of a program, from the gateway's pod. Returns the answer's status. */
async function tokenStatus({ shop }: Stage, client: string, secret: string): Promise<number> {
  const [pod] = await shop.pods("gateway");
  const script = `
    fetch("http://${shop.objectName("identity")}:8096/oidc/token", {
      method: "POST",
      headers: { authorization: "Basic ${Buffer.from(`${client}:${secret}`).toString("base64")}" },
      body: new URLSearchParams({ grant_type: "client_credentials" }),
    }).then(({ status }) => console.log(status));`;
  return Number(await shop.namespace.kubectl(["exec", pod.metadata.name, "--", "/nodejs/bin/node", "-e", script]));
}

/**
 * Changes the password of a service's database: first the URL that its pods read, then, when all have it, the password that
 * CloudNativePG sets at the server. New pods prove it: they know no other password.
 */
async function rotatePassword(stage: Stage, part: "order"): Promise<void> {
  const { shop, say } = stage;
  const name = shop.objectName(`${part}-db-serving`);
  const { uri = "", password: before = "" } = await shop.namespace.secret(name);
  const password = newSecret();
  const url = new URL(uri);
  check(url.password !== "" && decodeURIComponent(url.password) === before, `the Secret ${name} has no uri`);
  url.password = password;
  await change(shop, name, { uri: url.href });
  const hash = createHash("sha256").update(url.href).digest("hex");
  const script = `
    const text = require("node:fs").readFileSync(process.env.DATABASE_URL_FILE, "utf8").trim();
    console.log(require("node:crypto").createHash("sha256").update(text).digest("hex"));`;
  for (const { metadata } of await shop.pods(part)) {
    await until(
      `${metadata.name} to have the new URL`,
      async () => {
        const said = await shop.namespace.kubectl(["exec", metadata.name, "--", "/nodejs/bin/node", "-e", script]);
        return said.trim() === hash;
      },
      { withinMs: 300_000, everyMs: 2_000 },
    );
  }
  say(`the pods of ${part} have the URL with the new password`);
  await change(shop, name, { password });
  await shop.namespace.kubectl(["rollout", "restart", `deployment/${shop.objectName(part)}`]);
  await until(
    `${part} to have new pods`,
    async () => {
      const deployment = await shop.namespace.find("deployment", shop.objectName(part));
      const pods = await shop.namespace.list("pods", shop.labels(part));
      return isReady(deployment) && pods.length === deployment.spec.replicas;
    },
    { withinMs: 300_000, everyMs: 1_000 },
  );
}
