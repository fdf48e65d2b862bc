import { expect } from "vitest";
import type { Stack } from "../../scripts/stack/stack.ts";

// biome-ignore lint/suspicious/noExplicitAny: bodies have many shapes.
export type Answer = { readonly status: number; readonly headers: Headers; readonly body: any };

/** Sends a request to the gateway, for example `POST /v1/orders`, with a JSON body. */
export type Caller = (request: string, body?: object, headers?: Record<string, string>) => Promise<Answer>;

/** Creates a caller of this shop's gateway. A call rejects if the connection breaks. */
export function callerOf(stack: Stack): Caller {
  return callerAt(`http://${stack.addresses.gateway}`);
}

/** Creates a caller of the gateway at this origin. */
export function callerAt(origin: string): Caller {
  return async (request, body, headers = {}) => {
    const [method = "", path = ""] = request.split(" ");
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
}

/** A user who has signed in, with the authorization header. */
export type User = {
  readonly id: string;
  readonly username: string;
  readonly headers: { readonly authorization: string };
};

/** Registers and signs in a new user whose name starts with `name`. */
export async function signUp(call: Caller, name: string): Promise<User> {
  const username = `${name}-${crypto.randomUUID().slice(0, 8)}`;
  const user = { username, email: `${username}@example.com`, password: "p@ssw0rd" };
  expect(await call("POST /api/v1/users", user)).toMatchObject({ status: 201, body: { username, phone: null } });
  return await signIn(call, username, user.password);
}

export async function signIn(call: Caller, username: string, password: string): Promise<User> {
  const { status, body } = await call("POST /api/v1/login", { username, password });
  expect([status, body.username]).toEqual([200, username]);
  return { id: body.id, username, headers: { authorization: `Bearer ${body.token}` } };
}
