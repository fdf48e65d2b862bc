import { expect, test } from "vitest";
import { portsFromEnvironment, services, usualPorts, wantedPorts } from "./services.ts";

test("without variables the ports are the defaults", () => {
  expect(portsFromEnvironment({})).toEqual(usualPorts);
});

test("a variable sets one port, the offset moves the others", () => {
  const ports = portsFromEnvironment({ SAGACART_PORT_OFFSET: "10000", SAGACART_CARD_PROVIDER_PORT: "7000" });
  expect(ports).toMatchObject({ gateway: 18080, "card-provider": 7000, "worker-admin": 19090 });
});

test("reports every variable that is not a port", () => {
  expect(() => portsFromEnvironment({ SAGACART_ORDER_PORT: "http", SAGACART_STOCK_PORT: "70000" })).toThrow(
    'SAGACART_ORDER_PORT is "http", but must be a whole number from 1 to 64535.\n' +
      'SAGACART_STOCK_PORT is "70000", but must be a whole number from 1 to 64535.',
  );
});

test("the default ports are all different", () => {
  const wanted = wantedPorts(usualPorts, services, { temporal: "ours", observe: true }).map(({ port }) => port);
  expect(new Set(wanted).size).toBe(wanted.length);
});
