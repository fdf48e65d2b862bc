import { edgesOfTable } from "../../../charts/tests/edges.ts";
import { databaseNames, deployedNames, portOf } from "../../../scripts/shop.ts";
import { restrictedContainer, restrictedPod } from "../pod.ts";
import { check, NotHere, type Scenario, type Stage } from "../scenario.ts";

/** Connects from every part of the shop to every port, then from a pod outside the shop. */
export const network: Scenario = {
  name: "network",
  promise: "each part reaches the services that it calls, and no others",
  async run(stage) {
    const { shop, measured } = stage;
    const targets = [
      ...deployedNames.map((part) => targetOf(shop, part, portOf(part))),
      targetOf(shop, "identity", portOf("identity", "http")),
      ...databaseNames.map((part) => ({
        name: `${part}-db:5432`,
        host: `${shop.objectName(`${part}-db`)}-rw`,
        port: 5432,
      })),
    ];
    const open = new Set(edgesOfTable());
    for (const part of databaseNames) open.add(`${part} → ${part}-db:5432`);
    let [tried, wrong] = [0, [] as string[]];
    for (const part of [...deployedNames, "worker"]) {
      const others = targets.filter(({ name }) => !name.startsWith(`${part}:`));
      const reached = await tryTargets(stage, part, others);
      for (const { name } of others) {
        tried += 1;
        const edge = `${part} → ${name}`;
        const isOpen = reached.get(name) === "open";
        if (isOpen !== open.has(edge)) wrong.push(`${edge} is ${reached.get(name)}`);
      }
    }
    const enforced = wrong.filter((sentence) => sentence.endsWith("is open")).length < tried - open.size;
    if (!enforced) throw new NotHere("the cluster's network plugin enforces no NetworkPolicies");
    check(wrong.length === 0, `differs from scripts/shop.ts: ${wrong.join(", ")}`);
    measured(
      `${tried} connections between ${deployedNames.length + 1} parts and ${targets.length} ports tried: exactly those of scripts/shop.ts are open`,
    );

    const outside = await tryFromOutside(stage, targets);
    const through = [...outside].filter(([, state]) => state === "open").map(([name]) => name);
    check(
      through.join() === "gateway:8080",
      `a pod outside the shop reaches ${through.join(", ") || "nothing"}, but should reach only the gateway`,
    );
    measured(`a pod outside the shop reaches the gateway, and none of the other ${targets.length - 1} ports`);
  },
};

type Target = { readonly name: string; readonly host: string; readonly port: number };

function targetOf(shop: Stage["shop"], part: string, port: number): Target {
  return { name: `${part}:${port}`, host: shop.objectName(part), port };
}

/** A script for Node in a pod: connects to each port, and prints which were open. */
const script = (targets: readonly Target[]) => `
  const { connect } = require("node:net");
  const attempt = ({ name, host, port }) => new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3000 });
    const end = (state) => { socket.destroy(); resolve([name, state]); };
    socket.on("connect", () => end("open"));
    socket.on("timeout", () => end("silent"));
    socket.on("error", ({ code }) => end(code));
  });
  Promise.all(${JSON.stringify(targets)}.map(attempt)).then((all) => console.log(JSON.stringify(all)));`;

async function tryTargets(
  { shop }: Stage,
  part: string,
  targets: readonly Target[],
): Promise<ReadonlyMap<string, string>> {
  const [pod] = await shop.pods(part);
  check(pod !== undefined, `there is no pod of ${part}`);
  const args = [
    "exec",
    pod.metadata.name,
    "-c",
    pod.spec.containers[0].name,
    "--",
    "/nodejs/bin/node",
    "-e",
    script(targets),
  ];
  return new Map(JSON.parse(await shop.namespace.kubectl(args)));
}

async function tryFromOutside({ shop }: Stage, targets: readonly Target[]): Promise<ReadonlyMap<string, string>> {
  const { namespace } = shop;
  const name = "e2e-outsider";
  await namespace.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      securityContext: restrictedPod,
      containers: [
        { name, image: await shop.toolsImage(), args: ["-e", script(targets)], securityContext: restrictedContainer },
      ],
    },
  });
  try {
    await namespace.kubectl(["wait", `pod/${name}`, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=90s"]);
    return new Map(JSON.parse(await namespace.kubectl(["logs", name])));
  } finally {
    await namespace.kubectl(["delete", "pod", name, "--wait=false", "--ignore-not-found"]);
  }
}
