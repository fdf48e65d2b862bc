import { expect, test } from "vitest";
import { type Cluster, openCluster, type RunProgram } from "./cluster.ts";
import type { Context } from "./context.ts";
import { readOptions } from "./options.ts";
import { createProgress, InstallError } from "./progress.ts";
import { runSteps } from "./steps.ts";

type Stored = { readonly kind: string; readonly metadata: { name: string; namespace?: string }; data: Data };
type Data = Record<string, string>;

/** A cluster in memory that has its operators, behind stand-ins for kubectl and helm of which one call may fail. */
function startStandIn(stored: readonly Stored[] = []) {
  const secrets = new Map(stored.map((secret) => [secret.metadata.name, secret]));
  const standIn = { secrets, calls: [] as string[], failAt: -1, error: "Error from server (Forbidden): no such luck" };
  const run: RunProgram = async (program, args, { input = "" } = {}) => {
    standIn.calls.push([program, ...args].join(" "));
    if (standIn.calls.length - 1 === standIn.failAt) return { ok: false, stdout: "", stderr: standIn.error };
    const rest = args.filter(
      (arg, index) => !/^--(kube-)?context$/.test(arg) && !/^--(kube-)?context$/.test(args[index - 1] ?? ""),
    );
    return { ok: true, stdout: answer(rest, input), stderr: "" };
  };

  function answer([verb = "", ...args]: readonly string[], input: string): string {
    switch (verb) {
      case "list":
        return "[]";
      case "version":
        return args.includes("--template") ? "v3.18.0" : "{}";
      case "get":
        return JSON.stringify(found(args));
      case "create":
      case "replace":
        return write(verb, JSON.parse(input));
      default:
        return "";
    }
  }

  function found([kind, name]: readonly string[]): object {
    if (kind === "secret" && name === "-n") return { items: [...secrets.values()] };
    const conditions = ["Ready", "Established", "Complete", "Available"].map((type) => ({ type, status: "True" }));
    const ready = {
      metadata: { name },
      status: { conditions, applied: true, updatedReplicas: 1, availableReplicas: 1 },
    };
    return name === "-n" || name === "-A" || name === "-l" ? { items: [] } : ready;
  }

  function write(verb: string, object: Stored & { stringData?: Data }): string {
    if (object.kind !== "Secret") return "";
    const { stringData = {}, ...secret } = object;
    const { name } = secret.metadata;
    expect(secrets.has(name), `${verb} ${name}`).toBe(verb === "replace");
    const data = Object.entries(stringData).map(
      ([key, value]) => [key, Buffer.from(value).toString("base64")] as const,
    );
    secrets.set(name, { ...secret, data: { ...secret.data, ...Object.fromEntries(data) } });
    return "";
  }

  async function install(...args: string[]): Promise<void> {
    const options = readOptions(["--profile", "ci", "--context", "here", ...args]);
    if (options === "help") throw new Error("no help was asked for");
    const cluster: Cluster = await openCluster(options.context, run);
    const context: Context = { cluster, options, progress: createProgress(() => {}) };
    await runSteps(context);
  }

  return Object.assign(standIn, { install });
}

/** The Secrets of a shop that was installed before, as text. */
async function installedBefore() {
  const before = startStandIn();
  await before.install("--only", "secrets");
  return before;
}

const steps = ["cert-manager", "cloudnative-pg", "worker-controller", "metrics-server", "temporal", "secrets", "shop"];

test.each(steps)(
  "whichever call of %s fails, the installer stops with a sentence and every Secret is as it was",
  async (step) => {
    const before = await installedBefore();
    const whole = startStandIn([...before.secrets.values()]);
    await whole.install("--only", step);

    expect(whole.calls.length).toBeGreaterThan(1);
    for (const [failAt, call] of whole.calls.entries()) {
      const standIn = startStandIn([...before.secrets.values()]);
      standIn.failAt = failAt;
      const outcome = await standIn.install("--only", step).then(
        () => "installed",
        (error: unknown) => error,
      );
      if (!mayFail(call)) {
        expect(outcome, call).toBeInstanceOf(InstallError);
        expect(standIn.calls.slice(failAt + 1).filter(changes), call).toEqual([]);
      }
      expect([...standIn.secrets], call).toEqual([...before.secrets]);
    }
  },
);

function changes(call: string): boolean {
  return /^\S+ (--\S+ \S+ )?(create|replace|apply|delete|upgrade) /.test(call);
}

/** A dry run asks whether a webhook answers, and any answer will do. */
function mayFail(call: string): boolean {
  return call.includes("--dry-run=server") || call.includes("/apis/metrics.k8s.io/");
}

test("Secrets that are partly there get what they lack, and keep what they have", async () => {
  const complete = await installedBefore();
  for (const [name, secret] of complete.secrets) {
    for (const key of Object.keys(secret.data)) {
      const { [key]: _, ...rest } = secret.data;
      const standIn = startStandIn(
        [...complete.secrets.values()].map((one) => (one === secret ? { ...one, data: rest } : one)),
      );
      await standIn.install("--only", "secrets");

      const after = standIn.secrets.get(name)?.data ?? {};
      expect(Object.keys(after).toSorted()).toEqual(Object.keys(secret.data).toSorted());
      expect(after).toMatchObject(rest);
      const others = (secrets: Map<string, Stored>) => [...secrets].filter(([other]) => other !== name);
      expect(others(standIn.secrets)).toEqual(others(complete.secrets));
    }
  }
});

test("a client that is missing in identity's list is added to it", async () => {
  const complete = await installedBefore();
  const list = (secrets: Map<string, Stored>): Data =>
    JSON.parse(Buffer.from(secrets.get("sagacart-identity")?.data.SERVICE_CLIENT_SECRETS ?? "", "base64").toString());
  const { notifier, ...others } = list(complete.secrets);
  const identity = complete.secrets.get("sagacart-identity");
  if (identity === undefined) throw new Error("no Secret of identity");
  const SERVICE_CLIENT_SECRETS = Buffer.from(JSON.stringify(others)).toString("base64");
  complete.secrets.set("sagacart-identity", { ...identity, data: { ...identity.data, SERVICE_CLIENT_SECRETS } });

  await complete.install("--only", "secrets");

  expect(list(complete.secrets)).toEqual({ ...others, notifier });
});

test("an API server that is away for a moment is asked again", async () => {
  const complete = await installedBefore();
  const before = [...complete.secrets];
  complete.error = "The connection to the server 10.0.0.1:6443 was refused: dial tcp: connect: connection refused";
  complete.failAt = complete.calls.length + 3;

  await complete.install("--only", "secrets");

  expect([...complete.secrets]).toEqual(before);
});
