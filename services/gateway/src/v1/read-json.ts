import { fromJsonString, type JsonValue } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { shorten } from "@sagacart/chassis/shorten";
import { refuseExcess } from "@sagacart/rest/json-body";
import { EdgeError } from "@sagacart/rest/problem";

/**
 * Parses a body's bytes as JSON; undefined for an empty body. Throws EdgeError / BODY_TOO_LARGE for more values than are
 * parsed, and MALFORMED_JSON, also for objects with two fields of one name, of which JSON.parse would drop the first.
 */
export function readJson(body: unknown): JsonValue | undefined {
  if (!Buffer.isBuffer(body) || body.length === 0) {
    return undefined;
  }
  refuseExcess(body);
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
  refuseTwiceNamed(text);
  return json;
}

/**
 * Reads the text as an empty message, for which protobuf-es searches all of it for names that are there twice, and makes
 * messages of nothing. Whatever else it says about the text is no matter: a list, for example, is no message.
 */
function refuseTwiceNamed(text: string): void {
  try {
    fromJsonString(EmptySchema, text, { ignoreUnknownFields: true });
  } catch (error) {
    const [, name] = /duplicate object key (".*")$/s.exec(error instanceof Error ? error.message : "") ?? [];
    if (name !== undefined) {
      throw new EdgeError("MALFORMED_JSON", `the body cannot be read: an object names ${shorten(name, 200)} twice`);
    }
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
