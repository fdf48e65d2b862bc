import { jsonExcess, leastJsonBytes } from "@sagacart/chassis/rpc/json-excess";
import type { FastifyInstance } from "fastify";
import { EdgeError } from "./problem.ts";

/**
 * Parses JSON bodies, and an empty body of any content type as none: many clients send a content type with every request,
 * also with those that have no body. Routes that need a body refuse its absence by their schema. With `anyType`, bodies of
 * every content type are JSON.
 */
export function readJsonBodies(app: FastifyInstance, { anyType = false }: { anyType?: boolean } = {}): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(["application/json", "*"], { parseAs: "string" }, (request, body, done) => {
    const text = String(body);
    if (text.trim() === "") {
      done(null, undefined);
    } else if (anyType || isJson(request.headers["content-type"])) {
      try {
        // Most bodies are small: they are not copied to be read.
        if (Buffer.byteLength(text) >= leastJsonBytes) {
          refuseExcess(Buffer.from(text));
        }
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      // It calls `done`, although its type says that it may return a promise.
      void parse(request, text, done);
    } else {
      done(new EdgeError("UNSUPPORTED_MEDIA_TYPE", "content-type: must be application/json"));
    }
  });
}

/** Throws EdgeError / BODY_TOO_LARGE for a JSON text with more in it than is parsed; see jsonExcess. */
export function refuseExcess(text: Uint8Array): void {
  const excess = jsonExcess(text);
  if (excess !== undefined) {
    throw new EdgeError("BODY_TOO_LARGE", `the body has too many ${excess}`);
  }
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase() === "application/json";
}
