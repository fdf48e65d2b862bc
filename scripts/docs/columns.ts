import { personalData } from "@sagacart/privacy/personal-data";
import { type Level, levelOf, type Tables } from "@sagacart/privacy/tables/table";

/** The levels of protection, from the least. */
export const levels = ["public", "internal", "personal", "secret"] as const satisfies readonly Level[];

/** Returns docs/security/columns.md: the level of protection of every column, by services/privacy/src/tables. */
export function columnsPage(): string {
  return `${[
    "# Columns by level of protection",
    "",
    "Every column of every service, at the level whose requirements are in [data.md](data.md). The decisions are in",
    "[services/privacy/src/tables](../../services/privacy/src/tables); a column without one fails a test.",
    "",
    "Generated from the sources by `npm run docs`.",
    "",
    ...Object.entries(personalData).flatMap(([service, tables]) => section(service, tables)),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

function section(service: string, tables: Tables): string[] {
  const rows = Object.entries(tables)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([table, { columns }]) => {
      const cells = levels.map((level) =>
        Object.entries(columns)
          .filter(([, column]) => levelOf(column) === level)
          .map(([name]) => name)
          .join(", "),
      );
      return `| ${table} | ${cells.join(" | ")} |`;
    });
  return [`## ${service}`, "", `| table | ${levels.join(" | ")} |`, "| --- | --- | --- | --- | --- |", ...rows, ""];
}
