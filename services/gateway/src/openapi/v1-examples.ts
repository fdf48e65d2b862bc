import { type Examples, readExamples } from "@sagacart/rest/openapi/examples";

/** Reads the recorded examples of /v1, by operationId. */
export function v1Examples(): Examples {
  return readExamples(new URL("v1-examples.json", import.meta.url));
}
