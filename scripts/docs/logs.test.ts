import { runWithContext } from "@sagacart/chassis/context";
import { createLog } from "@sagacart/chassis/process/log";
import { expect, test } from "vitest";
import { deployedNames } from "../shop.ts";
import { tableBelow } from "./markdown.ts";
import { read } from "./source.ts";

const rows = tableBelow(read("docs/security/logs.md"), "Inventory").slice(1);

test("docs/security/logs.md says of each log who writes it, how, where, what for, who reads it, and how long it is kept", () => {
  expect(rows.map(([log]) => log)).toEqual(
    expect.arrayContaining(["service log", "security log", "Postgres", "Temporal", "Kubernetes audit"]),
  );
  expect(rows.filter((cells) => cells.length !== 7 || cells.includes(""))).toEqual([]);
});

test("its row about the service log names every process, and what each line has", () => {
  const [, writers = "", format = ""] = rows.find(([log]) => log === "service log") ?? [];
  expect(writers.split(", ").toSorted()).toEqual([...deployedNames, "worker"].toSorted());
  const lines: string[] = [];
  const log = createLog({ service: "order", level: "info", destination: { write: (line) => void lines.push(line) } });
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  runWithContext({ requestId: "r-1", traceparent, customerId: "c-1" }, () => log.info("x"));
  const documented = [...format.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
  expect(documented.toSorted()).toEqual(Object.keys(JSON.parse(lines[0] ?? "{}")).toSorted());
});
