import { mkdir, writeFile } from "node:fs/promises";
import { toGrafana } from "./dashboard.ts";
import { dashboardFolder, dashboards } from "./dashboards.ts";

// Writes the dashboards into the chart as JSON: node k8s/monitoring/write-dashboards.ts
await mkdir(dashboardFolder, { recursive: true });
for (const dashboard of dashboards) {
  const text = `${JSON.stringify(toGrafana(dashboard), null, 2)}\n`;
  await writeFile(new URL(`${dashboard.name}.json`, dashboardFolder), text);
}
