import { serviceNames } from "../shop.ts";
import { cell, literalAfter, propertiesOf, read, sourcesOf } from "./source.ts";

type Reason = { readonly name: string; readonly title: string; readonly status: string; readonly meaning: string };

/** Returns docs/errors.md: every reason of every domain. The `type` of a problem is the URL of its anchor. */
export function errorsPage(): string {
  const statuses = statusByCode();
  const shared = [
    ...reasonsIn("services/chassis/src", statuses),
    ...reasonsIn("services/outbox/src", statuses),
    ...reasonsIn("services/privacy/src", statuses),
    ...reasonsIn("services/provider/src", statuses),
    ...failures(statuses),
  ];
  const own = new Map<string, Reason[]>([
    ...serviceNames.map((name) => [`${name}.sagacart`, reasonsIn(`services/${name}/src`, statuses)] as const),
    ["gateway.sagacart", gatewayReasons()],
    ["launcher.sagacart", reasonsIn("scripts/launcher", statuses)],
  ]);
  return `${[
    "# Errors",
    "",
    "Each error has a reason that programs can switch on, the domain of the service that it comes from, and a message for",
    "people. Over gRPC and Connect they are in a `google.rpc.ErrorInfo`. Over REST an error is a problem (RFC 9457) whose",
    "`type` is `https://sagacart.dev/errors/<domain>/<reason>`; the anchors of this page have the same names.",
    "",
    "Reasons and their codes do not change. Messages may.",
    "",
    "Generated from the sources by `npm run docs`.",
    "",
    ...[...own].map(([domain, reasons]) => section(domain, "", reasons, () => [domain])),
    section(
      "Of each service",
      "Any service, and the gateway, may answer with these under its own domain.\n",
      shared,
      ({ name }) =>
        [...own].filter(([, reasons]) => !reasons.some((reason) => reason.name === name)).map(([domain]) => domain),
    ),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

/** Returns the anchors of docs/errors.md, which end the `type` of a problem: `order.sagacart/X`. */
export function anchorsOf(page: string): Set<string> {
  return new Set([...page.matchAll(/<a id="([^"]+)"><\/a>/g)].map(([, anchor = ""]) => anchor));
}

function section(
  title: string,
  text: string,
  reasons: readonly Reason[],
  domainsOf: (reason: Reason) => readonly string[],
): string {
  const rows = reasons.map((reason) => {
    const { name, title: code, status, meaning } = reason;
    const anchors = domainsOf(reason)
      .map((domain) => `<a id="${domain}/${name}"></a>`)
      .join("");
    return `| ${anchors}\`${name}\` | ${code} | ${status} | ${cell(meaning)} |`;
  });
  return [
    `## ${title}`,
    "",
    ...(text === "" ? [] : [text]),
    "| reason | code | HTTP | |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

function reasonsIn(folder: string, statuses: ReadonlyMap<string, string>): Reason[] {
  const sources = sourcesOf(folder);
  const all = [...sources.values()].join("\n");
  return [...sources.values()].flatMap((text) =>
    [...text.matchAll(/defineReasons\(\s*\{/g)].flatMap(({ index }) => {
      const literal = literalAfter(text.slice(index), /defineReasons\(\s*\{/) ?? "";
      return propertiesOf(literal).map(({ name, comment, value }) => {
        const code = value.replace("Code.", "");
        return {
          name,
          title: upperSnake(code),
          status: statuses.get(code) ?? "",
          meaning: comment || messageOf(name, all),
        };
      });
    }),
  );
}

/** Returns the message of the first throw of a reason, if the source has it as a literal. */
function messageOf(reason: string, sources: string): string {
  const [, message = ""] = new RegExp(`"${reason}",\\s*[\`"]([^\`"]+)[\`"]`).exec(sources) ?? [];
  return !message.includes(" ") ? "" : `“${message.replaceAll(/\$\{[^}]*\}/g, "…")}”`;
}

/** Lists the reasons outside the tables: failures of the database and the transport, and bugs. */
function failures(statuses: ReadonlyMap<string, string>): Reason[] {
  const literal = literalAfter(read("services/chassis/src/errors.ts"), /databaseErrors[^=]*=\s*\{/) ?? "";
  const ofDatabase = propertiesOf(literal).map(({ name, value }) => {
    const [, code = "", message = ""] = /code: Code\.(\w+), message: "([^"]*)"/.exec(value) ?? [];
    return { name, title: upperSnake(code), status: statuses.get(code) ?? "", meaning: `“${message}”` };
  });
  const others = [
    ["InvalidArgument", "The request breaks a rule of the contract; the violations name the fields."],
    ["Canceled", "The caller went away."],
    ["DeadlineExceeded", "The deadline passed. The outcome is not known: ask again with the same key."],
    ["Unavailable", "The service cannot be reached now: ask again with the same key."],
    ["Unimplemented", "There is no such RPC."],
    ["Internal", "A fault of ours. The log has the cause, under the request id of the answer."],
  ] as const;
  return [
    ...ofDatabase,
    ...others.map(([code, meaning]) => ({
      name: upperSnake(code),
      title: upperSnake(code),
      status: statuses.get(code) ?? "",
      meaning,
    })),
  ];
}

function gatewayReasons(): Reason[] {
  const literal = literalAfter(read("services/rest/src/reasons.ts"), /const reasons = \{/) ?? "";
  const all = ["rest", "gateway", "surfaces"]
    .flatMap((name) => [...sourcesOf(`services/${name}/src`).values()])
    .join("\n");
  return propertiesOf(literal).map(({ name, comment, value }) => {
    const [, status = "", title = ""] = /\[(\d+), "(\w+)"\]/.exec(value) ?? [];
    return { name, title, status, meaning: comment || messageOf(name, all) };
  });
}

function statusByCode(): Map<string, string> {
  const found = read("services/rest/src/problem.ts").matchAll(/\[Code\.(\w+)\]: (\d+)/g);
  return new Map([...found].map(([, code = "", status = ""]) => [code, status]));
}

function upperSnake(code: string): string {
  return code.replaceAll(/(?<=[a-z])([A-Z])/g, "_$1").toUpperCase();
}
