import "../help.ts";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cloneFolder } from "../clone.ts";
import { authorizationPage } from "./authorization.ts";
import { chartTable } from "./chart-table.ts";
import { clientReasons } from "./client-reasons.ts";
import { columnsPage } from "./columns.ts";
import { configurationPage } from "./configuration.ts";
import { errorsPage } from "./errors.ts";
import { valuesPage } from "./values.ts";

// npm run docs: writes the pages of docs/, the table of the charts, and the client's reasons, that are generated from the sources. With --check it
// only compares them, and exits with 1 if one is out of date.

const isCheck = process.argv.includes("--check");
for (const [file, page] of [
  ["docs/authorization.md", await authorizationPage()],
  ["docs/configuration.md", configurationPage()],
  ["docs/errors.md", errorsPage()],
  ["docs/values.md", valuesPage()],
  ["charts/service/templates/_table.tpl", chartTable()],
  ["docs/security/columns.md", columnsPage()],
  ["clients/typescript/src/reasons.ts", clientReasons()],
] as const) {
  const path = join(cloneFolder, file);
  if (!isCheck) {
    writeFileSync(path, page);
  } else if (readFileSync(path, "utf8") !== page) {
    process.stderr.write(`${file} is out of date. Run: npm run docs\n`);
    process.exitCode = 1;
  }
}
