import type { Dashboard } from "./dashboard.ts";
import { business } from "./dashboards/business.ts";
import { calls } from "./dashboards/calls.ts";
import { engine } from "./dashboards/engine.ts";
import { postgres } from "./dashboards/postgres.ts";

/** All of them, in the order in which one looks at them. */
export const dashboards: readonly Dashboard[] = [business, engine, calls, postgres];

/** Where the chart finds them. */
export const dashboardFolder = new URL("../../charts/sagacart/files/monitoring/dashboards/", import.meta.url);
