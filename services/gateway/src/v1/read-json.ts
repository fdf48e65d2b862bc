import { fromJsonString, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { EdgeError } from "@sagacart/rest/problem";

/**
 * Parses a body's bytes as JSON; undefined for an empty body. Throws EdgeError / MALFORMED_JSON, also for objects with two
 * fields of one name, of which JSON.parse would drop the first.
 */
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
  let json: JsonValue;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : String(error);
    throw new EdgeError("MALFORMED_JSON", `the body is not JSON: ${why}`);
  }
  try {
    fromJsonString(ValueSchema, text);
  } catch (error) {
    const [, name] = /duplicate object key (".*")$/s.exec(error instanceof Error ? error.message : "") ?? [];
    const why = name === undefined ? "it is nested too deeply" : `an object names ${name} twice`;
    throw new EdgeError("MALFORMED_JSON", `the body cannot be read: ${why}`);
  }
  return json;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
