import type { Scene } from "./scene.ts";

/** Records what an operator does to the shop as a whole. Call it last: tokens are void afterwards. */
export async function recordOperations({ call, admin: token }: Scene): Promise<void> {
  await call("getLauncher", { token });
  await call("listSecurityEvents", { token, query: { event: "product.deleted", pageSize: 1 } });
  await call("runAudit", { token, body: {} });
  const { audits } = await call("listAudits", {
    token,
    query: { pageSize: 1 },
    until: (answer) => answer.audits[0]?.state === "STATE_CLEAN",
  });
  await call("getAudit", { token, path: { id: audits[0].id } });
  await call("startLoad", { token, body: { checkoutsPerSecond: 1, duration: "60s" } });
  await call("stopLoad", { token, body: {} });
  await call("killProcess", { token, path: { name: "surfaces" }, body: {} });
  await call("replaceSigningKeys", { token, body: {} });
}
