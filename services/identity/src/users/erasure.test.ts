import { errorInfo } from "@sagacart/chassis/errors";
import { ServiceErasure_State } from "@sagacart/proto/identity/v1/erasure";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity, testServiceSecret } from "../testing/identity.ts";

let running: TestIdentity;
beforeAll(async () => {
  running = await startTestIdentity();
});
afterAll(() => running?.[Symbol.asyncDispose]());

const { PENDING, DONE } = ServiceErasure_State;

async function statesOf(id: string): Promise<Record<string, ServiceErasure_State>> {
  const { erasure } = await running.identity.getErasure({ id });
  return Object.fromEntries(erasure?.services.map(({ service, state }) => [service, state]) ?? []);
}

/** Reports as a service does; over SQL, since this client has an operator's token. */
async function report(userId: string, service: string): Promise<void> {
  await running.pool.query(
    "update user_erasure_services set done_time = now() where user_id = $1 and service = $2 and done_time is null",
    [userId, service],
  );
}

test("a deleted user is gone from identity at once, and the other services are pending until they report", async () => {
  const ada = await running.register();
  const before = await running.identity.getErasure({ id: ada.id }).catch(errorInfo);
  expect(before).toMatchObject({ reason: "ERASURE_NOT_FOUND" });

  await ada.client.deleteUser({ id: "me" });

  const all = { order: PENDING, payment: PENDING, shipping: PENDING, notifier: PENDING };
  expect(await statesOf(ada.id)).toEqual({ identity: DONE, ...all });
  const { rows } = await running.pool.query("select type from events where subject = $1 and type like '%deleted%'", [
    ada.id,
  ]);
  expect(rows).toHaveLength(1);
  const text = JSON.stringify((await running.pool.query("select data from events where subject = $1", [ada.id])).rows);
  expect(text).not.toContain(ada.email);

  await report(ada.id, "order");
  expect(await statesOf(ada.id)).toEqual({ identity: DONE, ...all, order: DONE });
  expect((await running.identity.getErasure({ id: ada.id })).erasure?.doneTime).toBeUndefined();
  for (const service of ["payment", "shipping", "notifier"]) {
    await report(ada.id, service);
  }
  const { erasure } = await running.identity.getErasure({ id: ada.id });
  expect(erasure).toMatchObject({ userId: ada.id, requestTime: expect.anything(), doneTime: expect.anything() });
  const ofAda = () => ada.client.getErasure({ id: "me" }).catch(errorInfo);
  await expect.poll(ofAda, { timeout: 5_000 }).toMatchObject({ reason: "TOKEN_REVOKED" });
  const bob = await running.register();
  expect(await bob.client.getErasure({ id: ada.id }).catch(errorInfo)).toMatchObject({ reason: "USER_NOT_FOUND" });
});

test("only a service may report, and only for itself", async () => {
  const ada = await running.register();
  await ada.client.deleteUser({ id: "me" });
  const report = { userId: ada.id, service: "order" };
  const bob = await running.register();
  for (const client of [running.identity, bob.client]) {
    expect(await client.reportErasure(report).catch(errorInfo)).toMatchObject({ reason: "ROLE_REQUIRED" });
  }
  const asService = async (name: string) => {
    const body = new URLSearchParams({ grant_type: "client_credentials" });
    const headers = { authorization: `Basic ${btoa(`${name}:${testServiceSecret}`)}` };
    const answer = await running.fetch(`${running.issuer}/oidc/token`, { method: "POST", body, headers });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    return running.as(token);
  };
  const order = await asService("order");
  const refusal = await order.reportErasure({ userId: ada.id, service: "payment" }).catch(errorInfo);
  expect(refusal).toMatchObject({ reason: "ERASURE_NOT_FOUND" });
  await order.reportErasure(report);
  const { erasure: first } = await running.identity.getErasure({ id: ada.id });
  await order.reportErasure(report);
  expect((await running.identity.getErasure({ id: ada.id })).erasure).toEqual(first);
  expect(await statesOf(ada.id)).toMatchObject({ order: DONE, payment: PENDING });
});

test("a customer without a user is erased once, however often and by how many it is asked for", async () => {
  const id = "guest-of-a-test";
  await Promise.all(Array.from({ length: 5 }, () => running.identity.eraseCustomer({ id })));
  expect(await statesOf(id)).toMatchObject({ order: PENDING });
  const { rows } = await running.pool.query("select type from events where subject = $1", [id]);
  expect(rows).toEqual([{ type: "sagacart.user.deleted.v1" }]);
  const ada = await running.register();
  expect(await running.identity.eraseCustomer({ id: ada.id }).catch(errorInfo)).toMatchObject({
    reason: "USER_EXISTS",
  });
  const early = await running.identity.eraseCustomer({ id: "guest-2", ofUserId: ada.id }).catch(errorInfo);
  expect(early).toMatchObject({ reason: "ERASURE_NOT_FOUND" });
});

test("a user's deletion is done only when that of the guest whom the user was is done too", async () => {
  const ada = await running.register();
  await ada.client.deleteUser({ id: "me" });
  await running.identity.eraseCustomer({ id: "guest-3", ofUserId: ada.id });
  await running.identity.eraseCustomer({ id: "guest-3", ofUserId: ada.id });
  const services = ["order", "payment", "shipping", "notifier"];
  for (const service of services) {
    await report(ada.id, service);
  }
  expect(await statesOf(ada.id)).toMatchObject({ identity: DONE, order: PENDING, notifier: PENDING });
  for (const service of services) {
    await report("guest-3", service);
  }
  expect(await statesOf(ada.id)).toMatchObject({ identity: DONE, order: DONE, notifier: DONE });
});
