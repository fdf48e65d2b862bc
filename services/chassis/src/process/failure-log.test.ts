import { Code, ConnectError } from "@connectrpc/connect";
import pg from "pg";
import { expect, test } from "vitest";
import { DomainError, defineReasons } from "../errors.ts";
import { DatabaseUnavailableError } from "../postgres/failure.ts";
import { logFailure } from "./failure-log.ts";
import { createLog } from "./log.ts";

const reasons = defineReasons({ GONE: Code.NotFound, BUSY: Code.Unavailable, RACED: Code.Aborted });
const withCode = (code: string | number, more: object = {}) => Object.assign(new Error("x"), { code, ...more });
const ofPostgres = (code: string) => Object.assign(new pg.DatabaseError("x", 1, "error"), { code, severity: "ERROR" });
const causedBy = (cause: unknown) => new Error("outer", { cause });

test.each<[what: string, error: unknown, level: "warn" | "error"]>([
  ["a service that is away", new ConnectError("x", Code.Unavailable), "warn"],
  ["a service that is slow", new ConnectError("x", Code.DeadlineExceeded), "warn"],
  ["a service that is busy", new ConnectError("x", Code.ResourceExhausted), "warn"],
  ["a call that lost a race", new ConnectError("x", Code.Aborted), "warn"],
  ["a call that was given up", new ConnectError("x", Code.Canceled), "warn"],
  ["a bug of another service", new ConnectError("x", Code.Internal), "error"],
  ["a call that the other service does not know", new ConnectError("x", Code.Unimplemented), "error"],
  ["a call that is wrong", new ConnectError("x", Code.InvalidArgument), "error"],
  ["a token that is refused", new ConnectError("x", Code.Unauthenticated), "error"],
  ["a domain error that passes", new DomainError(reasons, "BUSY", "x"), "warn"],
  ["a lost race of ours", new DomainError(reasons, "RACED", "x"), "warn"],
  ["a domain error that stays", new DomainError(reasons, "GONE", "x"), "error"],
  ["no connection to the database", new DatabaseUnavailableError("x"), "warn"],
  ["a database that shuts down", ofPostgres("57P01"), "warn"],
  ["a database that starts", ofPostgres("57P03"), "warn"],
  ["a database without connections left", ofPostgres("53300"), "warn"],
  ["a primary that became a standby", ofPostgres("25006"), "warn"],
  ["a deadlock", ofPostgres("40P01"), "warn"],
  ["a statement that took too long", ofPostgres("57014"), "warn"],
  ["a constraint that is broken", ofPostgres("23514"), "error"],
  ["a column that is missing", ofPostgres("42703"), "error"],
  ["a refused connection", withCode("ECONNREFUSED"), "warn"],
  ["a broken connection", withCode("ECONNRESET"), "warn"],
  ["a name that is not resolved", withCode("EAI_AGAIN"), "warn"],
  ["a failed fetch", Object.assign(new TypeError("fetch failed"), { cause: withCode("ECONNREFUSED") }), "warn"],
  ["a full disk", withCode("ENOSPC"), "error"],
  ["a gRPC call whose server is away", withCode(14, { details: "x" }), "warn"],
  ["a gRPC call that took too long", withCode(4, { details: "x" }), "warn"],
  ["a gRPC call that is refused", withCode(7, { details: "x" }), "error"],
  ["a wait that was given up", AbortSignal.abort().reason, "warn"],
  ["a time that is over", new DOMException("x", "TimeoutError"), "warn"],
  ["an error that one of these caused", causedBy(causedBy(withCode("ECONNRESET"))), "warn"],
  ["a bug", new TypeError("x is not a function"), "error"],
  ["an error that a bug caused", causedBy(new RangeError("x")), "error"],
  ["something that is no error", "x", "error"],
])("%s is logged at the level of what a person should do", (_what, error, level) => {
  const levels: string[] = [];
  const destination = { write: (line: string) => levels.push(JSON.parse(line).level) };

  logFailure(createLog({ service: "t", level: "info", destination }), { error }, "it failed");

  expect(levels).toEqual([level]);
});
