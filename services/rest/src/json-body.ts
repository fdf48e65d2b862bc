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
      // It calls `done`, although its type says that it may return a promise.
      void parse(request, text, done);
    } else {
      done(new EdgeError("UNSUPPORTED_MEDIA_TYPE", "content-type: must be application/json"));
    }
  });
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase() === "application/json";
}
