import { create } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { pageSize } from "@sagacart/chassis/postgres/page";
import { LoadSchema, type Process, ProcessSchema, RunSchema } from "@sagacart/proto/launcher/v1/launcher";
import {
  GetLauncherResponseSchema,
  KillProcessResponseSchema,
  type LauncherService,
  ListSecurityEventsResponseSchema,
  RunAuditResponseSchema,
  StartLoadResponseSchema,
  StopLoadResponseSchema,
} from "@sagacart/proto/launcher/v1/launcher_service";
import { reasons } from "./reasons.ts";
import type { Run } from "./runs.ts";
import { listSecurityEvents } from "./security-events.ts";

/** The launcher's own children. No other process can be named. */
export type Children = {
  readonly names: readonly string[];
  pid(name: string): number | undefined;
  /** How often it ended unexpectedly. */
  unexpectedEnds(name: string): number;
  /** Ends it as `kill -9` does, so that its end counts as unexpected. Returns false if it does not run. */
  crash(name: string): boolean;
};

export type LauncherOptions = {
  readonly children: Children;
  readonly startLoad: (load: { readonly checkoutsPerSecond: number; readonly seconds: number }) => Run;
  readonly startAudit: () => Run;
  /** The file with the security log of all processes. */
  readonly securityLog: string;
};

/** The handlers of LauncherService; its proto documents them. Disposing ends what runs beside the shop. */
export function createLauncherService(
  options: LauncherOptions,
): AsyncDisposable & { readonly handlers: ServiceImpl<typeof LauncherService> } {
  const { children, startLoad, startAudit, securityLog } = options;
  let load: { readonly run: Run; readonly checkoutsPerSecond: number; readonly duration: Duration } | undefined;
  let audit: Run | undefined;

  const loadMessage = () =>
    load && create(LoadSchema, { ...load, run: create(RunSchema, load.run.message()), duration: load.duration });
  const auditMessage = () => audit && create(RunSchema, audit.message());

  const handlers: ServiceImpl<typeof LauncherService> = {
    getLauncher() {
      const [loadNow, auditNow] = [loadMessage(), auditMessage()];
      return create(GetLauncherResponseSchema, {
        processes: children.names.map((name) => processMessage(children, name)),
        ...(loadNow === undefined ? {} : { load: loadNow }),
        ...(auditNow === undefined ? {} : { audit: auditNow }),
      });
    },

    killProcess({ name }) {
      if (!children.names.includes(name)) {
        const message = `the launcher has started no process ${name}; there are ${children.names.join(", ")}`;
        throw new DomainError(reasons, "PROCESS_NOT_FOUND", message, { name });
      }
      if (!children.crash(name)) {
        const message = `${name} does not run; it is being started again`;
        throw new DomainError(reasons, "PROCESS_NOT_RUNNING", message, { name });
      }
      return create(KillProcessResponseSchema, { process: processMessage(children, name) });
    },

    startLoad({ checkoutsPerSecond, duration }) {
      if (load?.run.isRunning()) {
        const message = `a load of ${load.checkoutsPerSecond} checkouts a second runs already; stop it first`;
        throw new DomainError(reasons, "LOAD_RUNNING", message);
      }
      if (duration === undefined) {
        throw new Error("the contract requires a duration");
      }
      const seconds = Math.ceil(durationMs(duration) / 1_000);
      load = { run: startLoad({ checkoutsPerSecond, seconds }), checkoutsPerSecond, duration };
      return create(StartLoadResponseSchema, { load: loadMessage()! });
    },

    stopLoad() {
      if (!load?.run.isRunning()) {
        throw new DomainError(reasons, "LOAD_NOT_RUNNING", "no load runs");
      }
      load.run.stop();
      return create(StopLoadResponseSchema, { load: loadMessage()! });
    },

    runAudit() {
      if (!audit?.isRunning()) {
        audit = startAudit();
      }
      return create(RunAuditResponseSchema, { audit: auditMessage()! });
    },

    async listSecurityEvents({ event, actorId, outcome, pageToken, ...request }) {
      const filter = { event, actorId, outcome };
      const page = await listSecurityEvents(securityLog, { filter, pageToken, limit: pageSize(request.pageSize) });
      return create(ListSecurityEventsResponseSchema, page);
    },
  };
  return {
    handlers,
    async [Symbol.asyncDispose]() {
      await Promise.all([load?.run[Symbol.asyncDispose](), audit?.[Symbol.asyncDispose]()]);
    },
  };
}

function processMessage(children: Children, name: string): Process {
  const pid = children.pid(name);
  const unexpectedEnds = children.unexpectedEnds(name);
  return create(ProcessSchema, { name, running: pid !== undefined, pid: pid ?? 0, unexpectedEnds });
}
