import type { JsonValue } from "@bufbuild/protobuf";
import { EdgeError } from "@sagacart/rest/problem";

/** Parses a body's bytes as JSON; undefined for an empty body. Throws EdgeError / MALFORMED_JSON. */
export function readJson(body: unknown): JsonValue | undefined {
  if (!Buffer.isBuffer(body) || body.length === 0) {
    return undefined;
  }
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw new EdgeError("MALFORMED_JSON", "the body is not UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : String(error);
    throw new EdgeError("MALFORMED_JSON", `the body is not JSON: ${why}`);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
