import { calleesOf, partNames, partOf, portsOf, tools } from "../shop.ts";
import { variablesOf } from "./configuration.ts";
import type { Property } from "./source.ts";

/** The seed runs with the simulated providers only. */
const programs = {
  audit: { calls: byCallee(portsOf(tools.audit.calls)), worldCalls: {} },
  seed: { calls: {}, worldCalls: byCallee(portsOf(tools.seed.calls)) },
};

/**
 * Returns charts/service/templates/_table.tpl: what the charts know of each part. Its ports and the calls between parts are
 * no values, because a changed one would only break the shop; its variables are the names that `config` may have.
 */
export function chartTable(): string {
  const rows = Object.entries({ ...Object.fromEntries(partNames.map((name) => [name, rowOf(name)])), ...programs });
  return [
    "{{- /* Generated from scripts/shop.ts and the configuration of each process by `npm run docs`. */ -}}",
    "{{- /* The parts of the shop, as JSON. Kinds: service (RPCs), http, worker, fake (a simulated provider). */ -}}",
    '{{- define "service.table" -}}',
    "{",
    rows.map(([name, row]) => `${JSON.stringify(name)}: ${JSON.stringify(row)}`).join(",\n"),
    "}",
    "{{- end -}}",
    "",
  ].join("\n");
}

function rowOf(name: string): object {
  const { kind, ports, database } = partOf(name);
  const variables = variablesOf(name);
  return {
    kind,
    ports,
    ...(database === undefined ? {} : { database }),
    calls: callsOf(name, false),
    worldCalls: callsOf(name, true),
    variables: variables.map((variable) => variable.name).toSorted(),
    required: variables.filter(isRequired).map((variable) => variable.name),
  };
}

/** Returns the ports of each part that a part calls: always, or only with the simulated providers. */
function callsOf(name: string, ofWorld: boolean): Record<string, number[]> {
  return byCallee(
    calleesOf(name).filter(({ name: callee, port }) => {
      const isOfWorld =
        [name, callee].some((end) => partOf(end).kind === "fake") || port === partOf(callee).ports.mailbox;
      return isOfWorld === ofWorld;
    }),
  );
}

function byCallee(callees: ReturnType<typeof calleesOf>): Record<string, number[]> {
  const calls: Record<string, number[]> = {};
  for (const { name, port } of callees) calls[name] = [...(calls[name] ?? []), port];
  return calls;
}

/** Returns true if a process does not start without the variable. */
function isRequired({ value }: Property): boolean {
  return /^(?:unlessOff\()?(?:text|url|secrets?)\(/.test(value) && !/default:/.test(value);
}
