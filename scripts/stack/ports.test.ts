import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { freePort, freePorts, loopback, takenPorts } from "./ports.ts";

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function hold(port: number): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, loopback, resolve));
}

test("reports a taken port with the process that needs it and the one that holds it", async () => {
  const port = await freePort();
  await hold(port);
  const [sentence] = await takenPorts([{ port, by: "order (SAGACART_ORDER_PORT)" }]);
  expect(sentence).toMatch(`Port ${port}, which order (SAGACART_ORDER_PORT) needs, is taken`);
  if (process.platform === "linux") expect(sentence).toMatch(`by process ${process.pid} (`);
});

test("reports all taken ports at once", async () => {
  const [one, two, free] = await freePorts(3);
  await hold(one!);
  await hold(two!);
  const wanted = [one, two, free].map((port) => ({ port: port!, by: `holder of ${port}` }));
  expect(await takenPorts(wanted)).toHaveLength(2);
});

test("reports a port that two processes want", async () => {
  const port = await freePort();
  expect(
    await takenPorts([
      { port, by: "order" },
      { port, by: "stock" },
    ]),
  ).toEqual([`Port ${port} is wanted by order and by stock.`]);
});

test("free ports and their metrics ports are all different", async () => {
  const ports = await freePorts(50, { withAdminPort: true });
  expect(new Set([...ports, ...ports.map((port) => port + 1000)]).size).toBe(100);
});
