import type { Dashboard } from "./dashboard.ts";
import { business } from "./dashboards/business.ts";
import { calls } from "./dashboards/calls.ts";
import { engine } from "./dashboards/engine.ts";
import { postgres } from "./dashboards/postgres.ts";
import { security } from "./dashboards/security.ts";

/** All dashboards, in reading order. */
export const dashboards: readonly Dashboard[] = [business, engine, calls, postgres, security];

/** The chart's folder of dashboards as JSON. */
export const dashboardFolder = new URL("../../charts/sagacart/files/monitoring/dashboards/", import.meta.url);
