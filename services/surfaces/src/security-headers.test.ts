import { get, securityHeaderTests } from "@sagacart/chassis/testing/security-header-tests";
import { afterAll, beforeAll } from "vitest";
import { startStandIn, startTestSurfaces, type TestSurfaces } from "./testing/surfaces.ts";

const cleanup = new AsyncDisposableStack();
let surfaces: TestSurfaces;

beforeAll(async () => {
  const standIn = cleanup.use(await startStandIn());
  surfaces = cleanup.use(await startTestSurfaces(standIn.address));
});
afterAll(() => cleanup.disposeAsync());

securityHeaderTests(
  () => surfaces,
  [
    ["a document", get("/openapi/wdm.json"), 200],
    ["a path that is nowhere", get("/api/nothing"), 404],
    ["another method", get("/stock/item/create/1"), 405],
    ["an amount that is wrong", get("/stock/item/create/-5", "Content-Length: 0\r\n", "POST"), 400],
    ["a path that cannot be decoded", get("/stock/find/%zz"), 400],
  ],
);
