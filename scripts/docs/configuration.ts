import { partOf, parts, portOf } from "../shop.ts";
import { cell, literalAfter, type Property, propertiesOf, read, sourcesOf } from "./source.ts";

/** The variables that several processes read, by the function that a configuration spreads. */
const groups = [
  { name: "serverEnv", file: "services/chassis/src/process/config.ts", title: "Server" },
  { name: "serviceEnv", file: "services/chassis/src/process/config.ts", title: "Service with a database" },
  { name: "databaseEnv", file: "services/chassis/src/process/config.ts", title: "Database" },
  { name: "migrationsEnv", file: "services/chassis/src/process/config.ts", title: "Migrations" },
  { name: "tokenEnv", file: "services/chassis/src/auth/env.ts", title: "Tokens of callers" },
  { name: "serviceTokenEnv", file: "services/chassis/src/auth/env.ts", title: "Own token" },
  { name: "tlsEnv", file: "services/chassis/src/tls/env.ts", title: "TLS" },
  { name: "restEnv", file: "services/rest/src/config.ts", title: "REST" },
  { name: "readTraceEnv", file: "services/chassis/src/trace/env.ts", title: "Traces" },
] as const;

/** Reads the configuration of all simulated providers. */
const fakeMain = "services/provider/src/fake/fake-main.ts";

/** Returns docs/configuration.md: the variables of each process, from the specs that read them. */
export function configurationPage(): string {
  const shared = groups.map(({ name, title }) => section(title, "", propertiesOfGroup(name)));
  const own = Object.keys(parts).map((name) => {
    const { spread, properties } = readBy(name);
    // Without those that it takes from a group one by one.
    const own = properties.filter(({ value }) => value !== "");
    return section(name, `${portText(name)}${groupsText(spread)}`, own);
  });
  return `${[
    "# Configuration",
    "",
    "Each process reads its environment once, when it starts, and names everything that is wrong with it. Any variable `X`",
    "can be in a file that `X_FILE` names instead. A variable without a default is required, unless it is optional. In a",
    "cluster the chart sets these, see [charts/sagacart](../charts/sagacart/README.md).",
    "",
    "Generated from the sources by `npm run docs`.",
    "",
    "## Shared by several processes",
    "",
    ...shared,
    "## Of each process",
    "",
    ...own,
  ]
    .join("\n")
    .trimEnd()}\n`;
}

/** Returns all variables that a part reads, its own and those of groups. */
export function variablesOf(name: string): Property[] {
  const { spread, properties } = readBy(name);
  const included = groups.filter(({ name }) => withIncluded(spread).includes(name));
  return unique([...properties, ...included.flatMap(({ name }) => propertiesOfGroup(name))]);
}

function propertiesOfGroup(name: (typeof groups)[number]["name"]): Property[] {
  const file = groups.find((group) => group.name === name)?.file ?? "";
  const literal = literalAfter(
    read(file),
    new RegExp(`function ${name}\\([^{]*(?=\\{)[\\s\\S]*?(?:return|readEnv\\()\\s*\\{`),
  );
  return propertiesOf(literal ?? "");
}

/** Returns the groups that the configuration of a part spreads, and its own variables. */
function readBy(name: string): { readonly spread: readonly string[]; readonly properties: Property[] } {
  const part = partOf(name);
  const files = part.kind === "fake" ? [part.entry ?? "", fakeMain] : [...sourcesOf(`${part.folder}/src`).keys()];
  const literals = files
    .filter((file) => part.kind === "fake" || !file.includes("/fake/"))
    .flatMap((file) => literalsOf(read(file)));
  const spread = literals.flatMap((literal) =>
    [...literal.matchAll(/\.\.\.(\w+Env)\(/g)].map(([, group = ""]) => group),
  );
  // runService reads these for a service that calls others.
  if (files.some((file) => file.endsWith("/src/main.ts") && read(file).includes("callsServices: true"))) {
    spread.push("serviceTokenEnv");
  }
  return { spread, properties: unique(literals.flatMap(propertiesOf)) };
}

/** Keeps the first of each name: several programs of a part may read the same variable. */
function unique(properties: readonly Property[]): Property[] {
  return properties.filter(({ name }, index) => properties.findIndex((one) => one.name === name) === index);
}

function literalsOf(text: string): string[] {
  const literals: string[] = [];
  // A specification stands in the call that reads it, or has a name, such as webhookEnv.
  for (const { 0: start, index } of text.matchAll(/(?:readEnv\(|const \w+Env =)\s*\{/g)) {
    const literal = literalAfter(text.slice(index + start.length - 1), /^\{/);
    if (literal !== undefined) literals.push(literal);
  }
  return literals;
}

function portText(name: string): string {
  return partOf(name).ports.admin === undefined ? `Listens on port ${portOf(name)}. ` : `Admin port ${portOf(name)}. `;
}

function groupsText(spread: readonly string[]): string {
  const all = withIncluded(spread);
  const titles = groups.filter(({ name }) => all.includes(name)).map(({ title }) => title);
  return titles.length === 0 ? "\n" : `Reads the groups ${titles.join(", ")}, and:\n`;
}

/** serviceEnv includes the server's variables, tokens and a database; restEnv the server's variables and tokens. */
function withIncluded(spread: readonly string[]): readonly string[] {
  const server = ["serverEnv", "tokenEnv", "tlsEnv"];
  return [
    ...(spread.includes("serviceEnv") ? [...server, "databaseEnv"] : []),
    ...(spread.includes("restEnv") ? server : []),
    ...spread,
  ];
}

function section(title: string, text: string, properties: readonly Property[]): string {
  const rows = properties.map(
    ({ name, comment, value }) =>
      `| \`${name}\` | ${cell(typeOf(value, name))} | ${cell(defaultOf(value))} | ${cell(comment)} |`,
  );
  const table = rows.length === 0 ? [] : ["| variable | value | default | |", "| --- | --- | --- | --- |", ...rows, ""];
  return [`### ${title}`, "", ...(text === "" ? [] : [text]), ...table].join("\n");
}

const types: readonly (readonly [pattern: RegExp, type: (...groups: string[]) => string])[] = [
  [/^optional\((.*)\)$/s, (inner) => `${typeOf(inner)}, optional`],
  [/^unlessOff\((.*)\)$/s, (inner) => `${typeOf(inner)}, unless \`AUTH=off\``],
  [/^int\(.*?min: ([\d_]+), max: ([\d_]+)/s, (min = "", max = "") => `${min} to ${max}`.replaceAll("_", "")],
  [/^port\(/, () => "port"],
  [/^durationMs\(/, () => "milliseconds"],
  [/^span\(/, () => "duration, for example `30d`"],
  [/^flag\(/, () => "`true` or `false`"],
  [
    /^oneOf\(\s*\[([^\]]*)\]/s,
    (words) => [...words.matchAll(/"([^"]*)"/g)].map(([, word]) => `\`${word}\``).join(", "),
  ],
  [/^oneOf\(levels/, () => "log level"],
  [/^(?:url|databaseUrl)\(/, () => "URL"],
  [/^secret\(/, () => "secret"],
  [/^(?:list|origins)\(/, () => "list with commas"],
  [/^text\(/, () => "text"],
  [/^currency\(/, () => "currency of ISO 4217"],
];

function typeOf(value: string, name = ""): string {
  for (const [pattern, type] of types) {
    const match = pattern.exec(value);
    if (match !== null) return type(...match.slice(1));
  }
  if (name.endsWith("_URL") || name.endsWith("_ENDPOINT")) return "URL";
  if (/_(?:FILE|PATH)$/.test(name)) return "path of a file";
  return name.endsWith("_PORT") ? "port" : "text";
}

function defaultOf(value: string): string {
  const [, named, positional, second] = /default: ("[^"]*"|\[[^\]]*\]|[\w.-]+)/.exec(value) ?? [
    undefined,
    undefined,
    ...(/^(?:port|durationMs|span|flag)\(("[^"]*"|[\w.-]+)\)/.exec(value)?.slice(1) ?? [undefined]),
    /^oneOf\([\s\S]*, "([^"]*)"\)/.exec(value)?.[1],
  ];
  const text = (named ?? positional ?? second ?? "").replace(/^"(.*)"$/, "$1").replace(/^\[\]$/, "none");
  if (text === "defaultPort") return "see each process";
  return text === "" ? "" : `\`${text.replaceAll(/(?<=\d)_(?=\d)/g, "")}\``;
}
