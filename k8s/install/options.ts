import { parseArgs } from "node:util";
import { InstallError } from "./progress.ts";

export const profiles = ["dev", "ci", "prod"] as const;
export type Profile = (typeof profiles)[number];

/** The steps, in the order in which they run. */
export const stepNames = [
  "cert-manager",
  "cloudnative-pg",
  "backups",
  "worker-controller",
  "metrics-server",
  "temporal",
  "secrets",
  "shop",
] as const;
export type StepName = (typeof stepNames)[number];

/** The default steps of each profile. In dev the worker is a plain Deployment, and there are no autoscalers. */
const profileSteps: Readonly<Record<Profile, readonly StepName[]>> = {
  dev: ["cloudnative-pg", "temporal", "secrets", "shop"],
  ci: ["cert-manager", "cloudnative-pg", "worker-controller", "metrics-server", "temporal", "secrets", "shop"],
  prod: stepNames,
};

export type Options = {
  readonly profile: Profile;
  readonly context: string | undefined;
  readonly namespace: string;
  readonly release: string;
  /** This shop's namespace in Temporal: the workers of two shops in one would run each other's orders. */
  readonly temporalNamespace: string;
  /** True if the command line names it: it then also overrides the values. */
  readonly isTemporalNamespaceGiven: boolean;
  /** Temporal's chart, or a single pod. */
  readonly temporal: "chart" | "small";
  readonly steps: readonly StepName[];
  /** Values files for helm, after the profile's own. */
  readonly values: readonly string[];
  readonly set: readonly string[];
};

export const usage = `usage: npm run cluster:install -- [options]

Installs the operators, Temporal and the shop into a Kubernetes cluster. Operators that are already there stay unchanged.
It can be run again at any time: it installs what is missing and upgrades what it installed itself.

  --profile dev|ci|prod       dev: a local kind cluster. ci: like production, but small. prod: production. (dev)
  --context NAME              the context in the kubeconfig (the current one)
  --namespace NAME            the namespace of the shop (sagacart)
  --release NAME              the Helm release, which prefixes the objects' names (sagacart)
  --temporal chart|small      Temporal's chart, or a single pod if the chart cannot be reached (chart)
  --temporal-namespace NAME   the shop's namespace in Temporal (--namespace, unless --values or --set name one)
  --only STEP,…               only these steps: ${stepNames.join(", ")}
  --skip STEP,…               all steps except these
  --values FILE               more values for the shop's chart, after the profile's; may be repeated
  --set KEY=VALUE             passed to helm; may be repeated
`;

/** Parses the command line. Throws an InstallError that says what is invalid. */
export function readOptions(args: readonly string[]): Options | "help" {
  let given: ReturnType<typeof parse>;
  try {
    given = parse(args);
  } catch (error) {
    throw new InstallError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
  if (given.help) return "help";
  const profile = oneOf("--profile", profiles, given.profile);
  const only = given.only === undefined ? profileSteps[profile] : steps("--only", given.only);
  const skip = given.skip === undefined ? [] : steps("--skip", given.skip);
  return {
    profile,
    context: given.context,
    namespace: given.namespace,
    release: given.release,
    temporalNamespace: given["temporal-namespace"] ?? given.namespace,
    isTemporalNamespaceGiven: given["temporal-namespace"] !== undefined,
    temporal: oneOf("--temporal", ["chart", "small"], given.temporal),
    steps: stepNames.filter((name) => only.includes(name) && !skip.includes(name)),
    values: given.values ?? [],
    set: given.set ?? [],
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      profile: { type: "string", default: "dev" },
      context: { type: "string" },
      namespace: { type: "string", default: "sagacart" },
      release: { type: "string", default: "sagacart" },
      temporal: { type: "string", default: "chart" },
      "temporal-namespace": { type: "string" },
      only: { type: "string" },
      skip: { type: "string" },
      values: { type: "string", multiple: true },
      set: { type: "string", multiple: true },
      help: { type: "boolean", default: false },
    },
  }).values;
}

function steps(option: string, value: string): readonly StepName[] {
  return value.split(",").map((name) => oneOf(option, stepNames, name));
}

function oneOf<const T extends string>(option: string, words: readonly T[], value: string): T {
  const word = words.find((one) => one === value);
  if (word === undefined) {
    throw new InstallError(`${option} ${value}: must be one of ${words.join(", ")}.`);
  }
  return word;
}
