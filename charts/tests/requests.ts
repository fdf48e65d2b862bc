import { quantity } from "./coherent.ts";
import { type Manifest, ofKind } from "./render.ts";

/** CPU cores, memory in GiB, and the volumes in GiB. */
export type Requests = { readonly cpu: number; readonly memory: number; readonly volumes: number };

type Kind = "least" | "most";

/**
 * Returns what the pods of rendered objects request together: with the fewest pods that their autoscalers keep, or with the
 * most. Jobs are not among them: they end within minutes.
 */
export function requestsOf(objects: readonly Manifest[], kind: Kind): Requests {
  const scalers = [
    ...ofKind(objects, "HorizontalPodAutoscaler").map(({ spec }) => [spec.scaleTargetRef.name, spec] as const),
    ...ofKind(objects, "WorkerResourceTemplate")
      .filter(({ spec }) => spec.template.kind === "HorizontalPodAutoscaler")
      .map(({ spec }) => [spec.workerDeploymentRef.name, spec.template.spec] as const),
  ];
  const parts = [
    ...[...ofKind(objects, "Deployment"), ...ofKind(objects, "WorkerDeployment")].map(({ metadata, spec }) => {
      const scaler = scalers.find(([name]) => name === metadata.name)?.[1];
      const pods = spec.replicas ?? (kind === "least" ? scaler?.minReplicas : scaler?.maxReplicas) ?? 1;
      return { pods, ...ofContainers(spec.template.spec.containers), volumes: 0 };
    }),
    ...ofKind(objects, "Cluster").map(({ spec }) => ({
      pods: spec.instances,
      cpu: quantity(spec.resources.requests.cpu),
      memory: quantity(spec.resources.requests.memory),
      volumes: quantity(spec.storage.size) + quantity(spec.walStorage?.size ?? 0),
    })),
    ...ofKind(objects, "PersistentVolumeClaim").map(({ spec }) => ({
      ...{ pods: 1, cpu: 0, memory: 0 },
      volumes: quantity(spec.resources.requests.storage),
    })),
  ];
  const sum = (amount: (part: (typeof parts)[number]) => number) =>
    parts.reduce((total, part) => total + part.pods * amount(part), 0);
  return {
    cpu: rounded(sum(({ cpu }) => cpu)),
    memory: rounded(sum(({ memory }) => memory) / 2 ** 30),
    volumes: rounded(sum(({ volumes }) => volumes) / 2 ** 30),
  };
}

function ofContainers(containers: readonly Manifest[]): { cpu: number; memory: number } {
  const requests = containers.map(({ resources }) => resources.requests);
  return {
    cpu: requests.reduce((total, { cpu }) => total + quantity(cpu), 0),
    memory: requests.reduce((total, { memory }) => total + quantity(memory), 0),
  };
}

function rounded(number: number): number {
  return Math.round(number * 10) / 10;
}
