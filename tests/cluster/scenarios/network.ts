import { edgesOfTable } from "../../../charts/tests/edges.ts";
import { databaseNames, deployedNames, portOf } from "../../../scripts/shop.ts";
import { restrictedContainer, restrictedPod } from "../pod.ts";
import { check, NotHere, type Scenario, type Stage } from "../scenario.ts";

/** Every pod of the shop tries every door; then a stranger does. */
export const network: Scenario = {
  name: "network",
  promise: "each part reaches the services that it calls, and no other",
  async run(stage) {
    const { shop, measured } = stage;
    const doors = [
      ...deployedNames.map((part) => doorOf(shop, part, portOf(part))),
      doorOf(shop, "identity", portOf("identity", "http")),
      ...databaseNames.map((part) => ({
        door: `${part}-db:5432`,
        host: `${shop.objectName(`${part}-db`)}-rw`,
        port: 5432,
      })),
    ];
    const open = new Set(edgesOfTable());
    for (const part of databaseNames) open.add(`${part} → ${part}-db:5432`);
    // Anybody may: it stands behind an Ingress. What a pod of ours may call is another matter.
    let [tried, wrong] = [0, [] as string[]];
    for (const part of [...deployedNames, "worker"]) {
      const others = doors.filter(({ door }) => !door.startsWith(`${part}:`));
      const reached = await tryDoors(stage, part, others);
      for (const { door } of others) {
        tried += 1;
        const edge = `${part} → ${door}`;
        const isOpen = reached.get(door) === "open";
        if (isOpen !== open.has(edge)) wrong.push(`${edge} is ${reached.get(door)}`);
      }
    }
    const enforced = wrong.filter((sentence) => sentence.endsWith("is open")).length < tried - open.size;
    if (!enforced) throw new NotHere("the cluster's network plugin enforces no NetworkPolicies");
    check(wrong.length === 0, `not as in scripts/shop.ts: ${wrong.join(", ")}`);
    measured(
      `${tried} ways between ${deployedNames.length + 1} parts and ${doors.length} doors tried: open are those of scripts/shop.ts, and no other`,
    );

    const stranger = await strangersDoors(stage, doors);
    const through = [...stranger].filter(([, state]) => state === "open").map(([door]) => door);
    check(
      through.join() === "gateway:8080",
      `a pod that is none of the shop's reaches ${through.join(", ") || "nothing"}`,
    );
    measured(`a pod that is none of the shop's reaches the gateway, and none of the other ${doors.length - 1} doors`);
  },
};

type Door = { readonly door: string; readonly host: string; readonly port: number };

function doorOf(shop: Stage["shop"], part: string, port: number): Door {
  return { door: `${part}:${port}`, host: shop.objectName(part), port };
}

/** Connects to each, and prints which were open. Run by Node in the pod that tries. */
const script = (doors: readonly Door[]) => `
  const { connect } = require("node:net");
  const attempt = ({ door, host, port }) => new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3000 });
    const end = (state) => { socket.destroy(); resolve([door, state]); };
    socket.on("connect", () => end("open"));
    socket.on("timeout", () => end("silent"));
    socket.on("error", ({ code }) => end(code));
  });
  Promise.all(${JSON.stringify(doors)}.map(attempt)).then((all) => console.log(JSON.stringify(all)));`;

async function tryDoors({ shop }: Stage, part: string, doors: readonly Door[]): Promise<ReadonlyMap<string, string>> {
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
    script(doors),
  ];
  return new Map(JSON.parse(await shop.namespace.kubectl(args)));
}

async function strangersDoors({ shop }: Stage, doors: readonly Door[]): Promise<ReadonlyMap<string, string>> {
  const { namespace } = shop;
  const name = "e2e-stranger";
  await namespace.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      securityContext: restrictedPod,
      containers: [
        { name, image: await shop.toolsImage(), args: ["-e", script(doors)], securityContext: restrictedContainer },
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
