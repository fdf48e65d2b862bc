import { invalidRequest, type Violation } from "@sagacart/rest/problem";
import type { FastifyInstance } from "fastify";

/** An id in a path. */
export const id = { type: "string", pattern: "^[A-Za-z0-9._~-]{1,63}$" } as const;

/** A whole number in a path. */
export function count(minimum: number, maximum: number) {
  return { type: "integer", minimum, maximum } as const;
}

type Parameter = typeof id | ReturnType<typeof count>;
export type PathSchema = { readonly type: "object"; readonly properties: Readonly<Record<string, Parameter>> };

/** A schema of these parameters. */
export function path(properties: PathSchema["properties"]): PathSchema {
  return { type: "object", properties };
}

/**
 * Validates this app's path parameters by their schemas, strictly: only decimal digits are a number (the usual coercion
 * accepts "0x10", "1e3" and ""). Numbers arrive as numbers in `request.params`.
 */
export function readPathParameters(app: FastifyInstance): void {
  app.setValidatorCompiler<PathSchema>(({ schema }) => {
    const parameters = Object.entries(schema.properties).map(([name, parameter]) => ({
      name,
      read: readerOf(parameter),
    }));
    return (given: Readonly<Record<string, string>>) => {
      const value: Record<string, string | number> = {};
      const violations: Violation[] = [];
      for (const { name, read } of parameters) {
        const result = read(given[name] ?? "");
        if (typeof result === "object") {
          violations.push({ field: name, ...result });
        } else {
          value[name] = result;
        }
      }
      return violations.length > 0 ? { error: invalidRequest(violations) } : { value };
    };
  });
}

type Reader = (text: string) => string | number | { rule: string; message: string };

function readerOf(parameter: Parameter): Reader {
  if (parameter.type === "string") {
    const pattern = new RegExp(parameter.pattern);
    const wrong = { rule: "pattern", message: "must be 1 to 63 of A-Z a-z 0-9 . _ ~ -" };
    return (text) => (pattern.test(text) && text !== "." && text !== ".." ? text : wrong);
  }
  const { minimum, maximum } = parameter;
  const notANumber = { rule: "type", message: "must be a whole number" };
  const outside = { rule: "range", message: `must be from ${minimum} to ${maximum}` };
  return (text) => {
    if (!/^-?\d{1,40}$/.test(text)) {
      return notANumber;
    }
    const number = Number(text);
    return number >= minimum && number <= maximum ? number : outside;
  };
}

/** Limits of one call: the contract's, and as many rows as are written within seconds. */
export const mostMoney = 1_000_000_000_000_000;
export const mostStock = 1_000_000_000;
export const mostQuantity = 1_000_000;
export const mostRows = 1_000_000;
