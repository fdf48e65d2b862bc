import { expect, test, vi } from "vitest";
import { failureOf } from "../../../rpc/failure.ts";
import { readTrace } from "./read-trace.ts";

const session = { accessToken: async () => "token" };

test("spans are read as the person who is signed in", async () => {
  const fetchIt = vi.fn<typeof fetch>(async () => Response.json({ spans: [], leftOut: 2 }));
  expect(await readTrace({ session, fetchIt }, ["a", "b"])).toEqual({ spans: [], leftOut: 2 });
  const [path, init] = fetchIt.mock.calls[0] ?? [];
  expect(path).toBe("/observe/traces?id=a&id=b");
  expect(init?.headers).toMatchObject({ authorization: "Bearer token" });
});

test("a refusal is a failure with its reason", async () => {
  const problem = {
    title: "PERMISSION_DENIED",
    detail: "traces need one of the roles operator",
    reason: "ROLE_REQUIRED",
  };
  const fetchIt: typeof fetch = async () => Response.json(problem, { status: 403 });
  const failed = await readTrace({ session, fetchIt }, ["a"]).catch(failureOf);
  expect(failed).toMatchObject({ message: problem.detail, reason: "ROLE_REQUIRED" });
});
