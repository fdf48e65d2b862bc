import type { Manifest, RenderedPod } from "./render.ts";

type Rule = { readonly name: string; readonly breaks: (pod: RenderedPod) => boolean };

const containersOf = ({ spec }: RenderedPod): Manifest[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
];
const any = (breaks: (container: Manifest, pod: Manifest) => boolean) => (pod: RenderedPod) =>
  containersOf(pod).some((container) => breaks(container, pod.spec));

/** Kubernetes' Pod Security level `restricted`, and our own rules for pods. */
export const rules: readonly Rule[] = [
  {
    name: "runs as a numeric user that is not root",
    breaks: any(({ securityContext: own }, { securityContext: pod }) => {
      const user = own?.runAsUser ?? pod?.runAsUser;
      return (own?.runAsNonRoot ?? pod?.runAsNonRoot) !== true || user === 0 || user === undefined;
    }),
  },
  {
    name: "has the runtime's seccomp profile",
    breaks: any(
      ({ securityContext: own }, { securityContext: pod }) =>
        (own?.seccompProfile ?? pod?.seccompProfile)?.type !== "RuntimeDefault",
    ),
  },
  {
    name: "drops all capabilities and adds none",
    breaks: any(
      ({ securityContext: own }) =>
        own?.capabilities?.drop?.includes("ALL") !== true || (own.capabilities.add ?? []).length > 0,
    ),
  },
  {
    name: "cannot gain privileges",
    breaks: any(({ securityContext: own }) => own?.allowPrivilegeEscalation !== false || own.privileged === true),
  },
  {
    name: "has a read-only root file system",
    breaks: any(({ securityContext: own }) => own?.readOnlyRootFilesystem !== true),
  },
  {
    name: "does not access its node",
    breaks: ({ spec }) =>
      [spec.hostNetwork, spec.hostPID, spec.hostIPC].includes(true) ||
      (spec.volumes ?? []).some((volume: Manifest) => volume.hostPath !== undefined) ||
      containersOf({ spec, from: "", metadata: {} }).some(({ ports = [] }) =>
        ports.some((port: Manifest) => port.hostPort !== undefined),
      ),
  },
  {
    name: "mounts only volume types that the level allows",
    breaks: ({ spec }) =>
      (spec.volumes ?? []).some((volume: Manifest) =>
        Object.keys(volume).some((key) => key !== "name" && !allowedVolumes.has(key)),
      ),
  },
  {
    // But for the job before an uninstallation, which has a Role of its own.
    name: "gets no Kubernetes token",
    breaks: ({ from, spec }) => spec.automountServiceAccountToken !== false && !/^Job \S+-cleanup$/.test(from),
  },
  {
    name: "requests CPU and memory, and has a memory limit",
    breaks: any(
      ({ resources }) =>
        resources?.requests?.cpu === undefined ||
        resources.requests.memory === undefined ||
        resources.limits?.memory === undefined,
    ),
  },
  {
    name: "pins its image by a tag or digest",
    breaks: any(({ image = "" }) => !/(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$/.test(image)),
  },
];

const allowedVolumes = new Set([
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
]);

/** Returns a message for each rule that a pod breaks. */
export function breaches(pods: readonly RenderedPod[]): string[] {
  return pods.flatMap((pod) => rules.filter((rule) => rule.breaks(pod)).map((rule) => `${pod.from} not: ${rule.name}`));
}
