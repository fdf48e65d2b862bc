import { isIP } from "node:net";
import { type DescField, type DescMessage, type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { type SecurityEvent, security_event } from "@sagacart/proto/auth/v1/access";
import { Counter } from "prom-client";
import { callContext } from "../context.ts";
import { codeName, errorInfo, toConnectError } from "../errors.ts";
import type { Metrics } from "../process/metrics.ts";
import { traceIdOf } from "../trace/traceparent.ts";
import { isStaff } from "./actor.ts";
import type { Principal } from "./principal.ts";
import { type LineSink, stdoutSink } from "./security-file.ts";
import { type Line, type Named, type Outcome, outcomes, type RecordedEvent, recordedEvents } from "./security-line.ts";
import { createSampler } from "./security-sampler.ts";
import { ownerOf } from "./token-owner.ts";

/**
 * The lines about who did what to whose account, money and data, and who was refused. They carry ids only: never a field of a
 * request or an answer other than the id that the contract names in `(sagacart.auth.v1.security_event)`.
 */
export type SecurityLog = {
  /** Records a call whose caller may not make it: its token was refused, or lacks the role. */
  refused(method: DescMethod, principal: Principal | undefined, error: unknown): void;
  /** Records a finished call, if the contract marks its method as a security event. `error` is undefined if it succeeded. */
  called(method: DescMethod, principal: Principal | undefined, call: FinishedCall): void;
  /** Records an event that is no call of the contract. */
  record(event: SecurityRecord): void;
  /**
   * Records that a control cannot do its work, such as a list of revoked tokens that cannot be read. A minute of the same
   * failure is one line.
   */
  controlFailed(control: string, error: unknown): void;
  /** Announces the methods that are served, so that their events are counted from zero: an alert sees the first one. */
  expect(methods: Iterable<DescMethod>): void;
  /** Writes how often events of bursts happened that are counted, and not written yet. */
  flush(): void;
};

export type FinishedCall = {
  readonly request: unknown;
  readonly answer?: unknown;
  readonly error?: unknown;
  readonly note?: SecurityNote | undefined;
};

/** The facts of a call that its handler alone knows: see noteSecurity. */
export type SecurityNote = { objectId?: string; factor?: string };

/** All texts are ours or ids: what a caller sends is never among them. */
export type SecurityRecord = {
  /** The stable name, for example `signing_key.made`. */
  readonly event: RecordedEvent;
  readonly object?: Named;
  /** Why it did not succeed; outcome and reason are its. Absent: it did. */
  readonly error?: unknown;
  /** The outcome and its reason, where there is no error that tells them. */
  readonly outcome?: Outcome;
  readonly reason?: string;
  readonly principal?: Principal | undefined;
  /** Instead of the principal. */
  readonly actor?: Named;
  /** How the caller proved who they are: `password`, `refresh_token`. */
  readonly factor?: string;
  /** The address of the caller, and the ids of the request; those of the current call where absent. */
  readonly address?: string | undefined;
  readonly requestId?: string;
  readonly traceparent?: string | undefined;
  /** The method and the route of a request of HTTP: the route as it is declared, since a path may contain anything. */
  readonly method?: string;
  readonly route?: string;
  /** Until when it lasts, for example a lock-out. */
  readonly until?: Date;
  /**
   * True for what a caller can cause again and again: the first is a line at once, and all others of the same caller, event
   * and rule are counted, and are one line a minute.
   */
  readonly repeats?: boolean;
};

export type SecurityLogOptions = {
  /** The service that writes the lines, for example `identity`. */
  service: string;
  metrics?: Metrics | undefined;
  /** By default stdout. */
  destination?: LineSink | undefined;
  /** How long events of bursts are counted, in ms; a minute if absent. */
  burstMs?: number;
};

/** The events of callers whose token is refused, and of those who may not do what they asked for, whatever the method. */
export const tokenRefused = "token.refused";
export const accessRefused = "access.refused";

/** The event of a control that cannot do its work. */
export const controlFailure = "control.failed";

/** Creates the log. Each line is one JSON object, always with the same first properties; what is unknown is "". */
export function createSecurityLog(options: SecurityLogOptions): SecurityLog {
  const { service, metrics, destination = stdoutSink(), burstMs } = options;
  const count = metrics === undefined ? undefined : securityEvents(metrics);
  const write = (line: Line) => destination.write(`${JSON.stringify(line)}\n`);
  const sampler = createSampler({ write, windowMs: burstMs });

  function record(given: Given): void {
    const context = callContext();
    const { event, object = nothing, error, principal } = given;
    const failure = failureOf(given);
    const address = given.address ?? context?.clientAddress ?? "";
    const traceparent = given.traceparent ?? context?.traceparent;
    const line: Line = {
      ...{ time: new Date().toISOString(), log: "security", service, event, ...failure },
      actor: given.actor ?? actorOf(principal ?? ownerOf(error) ?? context?.principal),
      object,
      // The gateway's callers cannot set it, but a program could send anything.
      address: isIP(address) === 0 ? "" : address,
      requestId: given.requestId ?? context?.requestId ?? "",
      traceId: traceparent === undefined ? "" : traceIdOf(traceparent),
      ...(given.factor === undefined || given.factor === "" ? {} : { factor: given.factor }),
      ...(given.method === undefined ? {} : { method: given.method }),
      ...(given.route === undefined ? {} : { route: given.route }),
      ...(given.until === undefined ? {} : { until: given.until.toISOString() }),
    };
    count?.inc({ event, outcome: failure.outcome });
    if (given.repeats === true) {
      sampler.take(line);
    } else if (failure.outcome !== "ok" && line.actor.kind !== "staff") {
      // Anybody can try passwords without end. Each try of a person who mistypes is a line.
      sampler.take(line, 20);
    } else {
      write(line);
    }
  }

  function controlFailed(control: string, error: unknown): void {
    const actor = { kind: "service", id: service };
    // Of no request in particular: all callers of a minute are one line.
    const { outcome, reason } = failureOf({ event: controlFailure, error });
    const failed = { outcome: outcome === "ok" ? outcome : "failed", reason } as const;
    record({ event: controlFailure, object: { kind: "control", id: control }, ...failed, actor, ...ofNoCall });
  }

  for (const event of recordedEvents) {
    countFromZero(event);
  }

  function countFromZero(event: string): void {
    for (const outcome of outcomes) {
      count?.inc({ event, outcome }, 0);
    }
  }

  return {
    record,
    controlFailed,
    expect(methods) {
      for (const method of methods) {
        const option = securityEventOf(method);
        for (const event of [option?.event, option?.unfinished?.event]) {
          if (event !== undefined) {
            countFromZero(event);
          }
        }
      }
    },
    flush: sampler.flush,
    refused(method, principal, error) {
      const { code, reason } = errorInfo(error);
      if (reason === "ISSUER_UNAVAILABLE") {
        controlFailed("tokens", error);
      } else if (code === Code.Unauthenticated || code === Code.PermissionDenied || code === Code.NotFound) {
        const object = { kind: "method", id: `${method.parent.typeName}/${method.name}` };
        const event = code === Code.Unauthenticated ? tokenRefused : accessRefused;
        record({ event, principal, object, error, repeats: true });
      }
    },
    called(method, principal, { request, answer, error, note }) {
      const option = securityEventOf(method);
      if (option === undefined || (option.byStaff && (principal === undefined || !isStaff(principal)))) {
        return;
      }
      const { input, output } = method;
      const { event, id: path } = isUnfinished(option, answer, output) ? (option.unfinished ?? option) : option;
      const named = path === "" ? undefined : (idAt(request, input, path) ?? idAt(answer, output, path));
      // Callers may name themselves so.
      const id = named === "me" ? principal?.customerId : named;
      const object = { kind: option.object, id: note?.objectId ?? id ?? "" };
      record({ event, principal, object, error, factor: note?.factor ?? option.factor });
    },
  };
}

/** Events of calls have the names that the contract gives them. */
type Given = Omit<SecurityRecord, "event"> & { readonly event: string };

/** Adds to the line of the current call what its handler alone knows: whose account it is about, and the proof. */
export function noteSecurity(note: SecurityNote): void {
  Object.assign(callContext()?.securityNote ?? {}, note);
}

/** Returns a method's security event; undefined if it is none. */
export function securityEventOf(method: DescMethod): SecurityEvent | undefined {
  let event = events.get(method);
  if (event === undefined) {
    event = hasOption(method, security_event) ? getOption(method, security_event) : null;
    events.set(method, event);
  }
  return event ?? undefined;
}

/** Returns true if the call succeeded, and its answer does not have what the event is about. */
function isUnfinished({ unfinished }: SecurityEvent, answer: unknown, desc: DescMessage): boolean {
  if (unfinished === undefined || typeof answer !== "object" || answer === null) {
    return false;
  }
  return valueIn(answer, fieldNamed(desc, unfinished.unless)) === undefined;
}

/** One entry for each method of the contract: every call asks, and options are slow to read. */
const events = new Map<DescMethod, SecurityEvent | null>();

const nothing: Named = { kind: "", id: "" };
const ofNoCall = { address: "", requestId: "", repeats: true } as const;

function actorOf(principal: Principal | undefined): Named {
  if (principal === undefined) {
    return { kind: "anonymous", id: "" };
  }
  if (principal.kind === "service") {
    return { kind: "service", id: principal.serviceName };
  }
  return { kind: isStaff(principal) ? "staff" : "customer", id: principal.customerId ?? "" };
}

function failureOf(given: Given): { outcome: Outcome; reason: string } {
  if (given.error === undefined) {
    return { outcome: given.outcome ?? "ok", reason: given.reason ?? "" };
  }
  // The caller gets the same, so an outage of the database has the same name here as in the answer.
  const { code, reason } = errorInfo(toConnectError(given.error, ""));
  const isOurs = ourFailures.has(code) || reason === "CONTENTION";
  return {
    outcome: given.outcome ?? (isOurs ? "failed" : "refused"),
    reason: given.reason ?? (reason === "" ? codeName(code).toUpperCase() : reason),
  };
}

/** The codes of calls that did not end as they should, whoever called. */
const ourFailures: ReadonlySet<Code> = new Set([
  Code.Canceled,
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** Returns the id at a path of field names, `user.id`. A text that is no id is not logged: it may be anything. */
function idAt(message: unknown, desc: DescMessage, path: string): string | undefined {
  let value = message;
  let inside: DescMessage | undefined = desc;
  for (const name of path.split(".")) {
    const field: DescField | undefined = inside && fieldNamed(inside, name);
    value = valueIn(value, field);
    inside = field?.message;
  }
  return typeof value === "string" && /^[A-Za-z0-9._~-]{1,63}$/.test(value) ? value : undefined;
}

function fieldNamed(desc: DescMessage, name: string): DescField | undefined {
  return desc.fields.find((field) => field.name === name);
}

function valueIn(message: unknown, field: DescField | undefined): unknown {
  return field === undefined || typeof message !== "object" || message === null
    ? undefined
    : Reflect.get(message, field.localName);
}

const counters = new WeakMap<Metrics, Counter<"event" | "outcome">>();

/** Returns the registry's counter: a registry has one. */
function securityEvents(metrics: Metrics): Counter<"event" | "outcome"> {
  const known = counters.get(metrics);
  if (known !== undefined) {
    return known;
  }
  const counter = new Counter({
    name: "security_events_total",
    help: "Events of the security log, those of bursts that have no line of their own included.",
    labelNames: ["event", "outcome"] as const,
    registers: [metrics],
  });
  counters.set(metrics, counter);
  return counter;
}
