import { parseArgs } from "node:util";
import { InstallError } from "./progress.ts";

export const profiles = ["dev", "ci", "prod"] as const;
export type Profile = (typeof profiles)[number];

/** In the order in which they run. */
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

/** The default steps of a profile. On one's own machine the worker is a plain Deployment, and nothing scales. */
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
  /** Temporal's namespace of this shop: workers of two shops in one would take each other's orders. */
  readonly temporalNamespace: string;
  /** Its chart, or one pod. */
  readonly temporal: "chart" | "small";
  readonly steps: readonly StepName[];
  /** For helm, after the profile's own. */
  readonly values: readonly string[];
  readonly set: readonly string[];
};

export const usage = `usage: npm run cluster:install -- [options]

Installs the operators, Temporal and the shop into a Kubernetes cluster, in order; what is there is left as it is.
Run it again at any time: it goes on where something is missing, and upgrades what it installed itself.

  --profile dev|ci|prod       dev: kind, on one's own machine. ci: as production, but small. prod. (dev)
  --context NAME              which cluster of the kubeconfig (the current one)
  --namespace NAME            where the shop goes (sagacart)
  --release NAME              what its objects' names begin with (sagacart)
  --temporal chart|small      Temporal by its chart, or as one pod where its chart cannot be reached (chart)
  --temporal-namespace NAME   Temporal's namespace of the shop (that of --namespace)
  --only STEP,…               these steps alone: ${stepNames.join(", ")}
  --skip STEP,…               all but these
  --values FILE               more values for the shop's chart, after the profile's; may be given again
  --set KEY=VALUE             as helm's; may be given again
`;

/** Reads the command line; throws an InstallError that says what is wrong with it. */
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
    throw new InstallError(`${option} is ${value}, but can be ${words.join(", ")}.`);
  }
  return word;
}
