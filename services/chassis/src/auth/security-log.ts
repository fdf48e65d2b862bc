import { isIP } from "node:net";
import { type DescField, type DescMessage, type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { type SecurityEvent, security_event } from "@sagacart/proto/auth/v1/access";
import { pino } from "pino";
import { Counter } from "prom-client";
import { callContext } from "../context.ts";
import { codeName, errorInfo } from "../errors.ts";
import type { Metrics } from "../process/metrics.ts";
import { traceIdOf } from "../trace/traceparent.ts";
import { isStaff } from "./actor.ts";
import type { Principal } from "./principal.ts";

/**
 * The lines about who did what to whose account, money and data, and who was refused. They carry ids only: never a field of a
 * request or an answer other than the id that the contract names in `(sagacart.auth.v1.security_event)`.
 */
export type SecurityLog = {
  /** Records a call whose caller may not make it: its token was refused, or lacks the role. */
  refused(method: DescMethod, principal: Principal | undefined, error: unknown): void;
  /** Records a finished call, if the contract marks its method as a security event. `error` is undefined if it succeeded. */
  called(method: DescMethod, principal: Principal | undefined, call: FinishedCall): void;
};

export type FinishedCall = { readonly request: unknown; readonly answer?: unknown; readonly error?: unknown };

export type SecurityLogOptions = {
  /** The service that writes the lines, for example `identity`. */
  service: string;
  metrics?: Metrics | undefined;
  /** By default stdout. */
  destination?: { write(line: string): unknown } | undefined;
};

/** The event of a refused caller, whatever the method. Those of methods are in the contract. */
export const accessRefused = "access.refused";

/** Creates the log. Each line is one JSON object, always with the same properties; what is unknown is "". */
export function createSecurityLog({ service, metrics, destination = stdout() }: SecurityLogOptions): SecurityLog {
  const count = metrics === undefined ? undefined : securityEvents(metrics);

  function write(event: string, principal: Principal | undefined, object: Named, failure: unknown): void {
    const { requestId = "", traceparent, clientAddress = "" } = callContext() ?? {};
    const outcome = failure === undefined ? "ok" : "refused";
    const line = {
      ...{ time: new Date().toISOString(), log: "security", service, event, outcome, reason: reasonOf(failure) },
      actor: actorOf(principal),
      object,
      // The gateway's callers cannot set it, but a program could send anything.
      address: isIP(clientAddress) === 0 ? "" : clientAddress,
      ...{ requestId, traceId: traceparent === undefined ? "" : traceIdOf(traceparent) },
    };
    destination.write(`${JSON.stringify(line)}\n`);
    count?.inc({ event, outcome });
  }

  return {
    refused(method, principal, error) {
      if (isRefusal(error)) {
        write(accessRefused, principal, { kind: "method", id: `${method.parent.typeName}/${method.name}` }, error);
      }
    },
    called(method, principal, { request, answer, error }) {
      const option = securityEventOf(method);
      if (option === undefined || (option.byStaff && (principal === undefined || !isStaff(principal)))) {
        return;
      }
      const { input, output } = method;
      const { event, id: path } = isUnfinished(option, answer, output) ? (option.unfinished ?? option) : option;
      const id = path === "" ? "" : (idAt(request, input, path) ?? idAt(answer, output, path) ?? "");
      write(event, principal, { kind: option.object, id }, error);
    },
  };
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

type Named = { readonly kind: string; readonly id: string };

// Synchronous, as the other log: a line must not be lost when the process exits.
function stdout() {
  return pino.destination({ dest: 1, sync: true });
}

function actorOf(principal: Principal | undefined): Named {
  if (principal === undefined) {
    return { kind: "anonymous", id: "" };
  }
  if (principal.kind === "service") {
    return { kind: "service", id: principal.serviceName };
  }
  return { kind: isStaff(principal) ? "staff" : "customer", id: principal.customerId ?? "" };
}

/** An outage says nothing of the caller. */
function isRefusal(error: unknown): boolean {
  const { code } = errorInfo(error);
  return code === Code.Unauthenticated || code === Code.PermissionDenied || code === Code.NotFound;
}

function reasonOf(failure: unknown): string {
  if (failure === undefined) {
    return "";
  }
  const { reason, code } = errorInfo(failure);
  // Other errors have no reason before they are translated for the wire.
  return reason === "" ? codeName(code).toUpperCase() : reason;
}

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
    help: "Lines of the security log.",
    labelNames: ["event", "outcome"] as const,
    registers: [metrics],
  });
  counters.set(metrics, counter);
  return counter;
}
