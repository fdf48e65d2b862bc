import { expect, test } from "vitest";
import { type Example, withExample } from "../openapi/examples.ts";
import { wrongExamples } from "./wrong-examples.ts";

const operation = {
  parameters: [
    { name: "id", in: "path", required: true, schema: { type: "string", pattern: "^[0-9]+$" } },
    { name: "pageSize", in: "query", schema: { type: "integer" } },
  ],
  requestBody: {
    content: { "application/json": { schema: { type: "object", additionalProperties: false, properties: { a: {} } } } },
  },
  responses: {
    "200": { content: { "application/json": { schema: { $ref: "#/components/schemas/Answer" } } } },
    "404": { content: { "application/json": { schema: {} } } },
  },
};

function wrong(example: Example | undefined): string[] {
  return wrongExamples({
    paths: { "/things/{id}": { post: withExample(operation, example) } },
    components: {
      schemas: { Answer: { type: "object", required: ["state"], properties: { state: { enum: ["DONE"] } } } },
    },
  });
}

const good: Example = { parameters: { id: "1" }, request: { a: 1 }, response: { state: "DONE" } };

test("an example that its schemas allow is not wrong, with and without what may be left out", () => {
  expect(wrong(good)).toEqual([]);
  expect(wrong({ ...good, parameters: { id: "1", pageSize: 2 } })).toEqual([]);
});

test("a new operation has no example, and the test that says so says what to run", () => {
  expect(wrong(undefined)).toEqual(
    ["the parameter id", "its request", "its answer"].map(
      (what) => `POST /things/{id} has no example of ${what}: add it to scripts/examples, and run npm run examples`,
    ),
  );
});

test.each<[string, Partial<Example>, string]>([
  ["a parameter of another shape", { parameters: { id: "one" } }, "the parameter id is wrong: data must match pattern"],
  [
    "an optional parameter of another type",
    { parameters: { id: "1", pageSize: "2" } },
    "the parameter pageSize is wrong",
  ],
  ["a request with an unknown field", { request: { b: 1 } }, "its request is wrong: data must NOT have additional"],
  ["an answer without a field", { response: {} }, "its answer is wrong: data must have required property 'state'"],
  ["an answer with an unknown value", { response: { state: "LOST" } }, "its answer is wrong: data/state must be equal"],
])("%s is wrong", (_, change, sentence) => {
  expect(wrong({ ...good, ...change })).toEqual([expect.stringContaining(sentence)]);
});
