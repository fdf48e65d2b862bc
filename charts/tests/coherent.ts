import { parse } from "yaml";
import { type Manifest, ofKind, podsOf, type RenderedPod } from "./render.ts";

/**
 * Returns what in rendered objects cannot work: a name, port or address that one of them refers to and none of them has, a
 * call that a network policy refuses, a pod that Kubernetes would not start. Secrets are not among it: see neededSecrets.
 */
export function incoherences(objects: readonly Manifest[]): string[] {
  const pods = podsOf(objects).filter(({ from }) => !from.startsWith("Pod "));
  return [
    ...duplicates(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).map((name) => `${name} twice`),
    ...podsOf(objects).flatMap((pod) => ofPod(pod, objects)),
    ...ofKind(objects, "Service").flatMap((service) => ofService(service, pods)),
    ...objects.flatMap((object) => ofReferences(object, objects)),
    ...podsOf(objects).flatMap((pod) => ofCalls(pod, pods, objects)),
  ];
}

const containersOf = ({ spec }: RenderedPod): Manifest[] => [...(spec.initContainers ?? []), ...spec.containers];

function ofPod(pod: RenderedPod, objects: readonly Manifest[]): string[] {
  const { from, spec } = pod;
  const volumes: string[] = (spec.volumes ?? []).map(({ name }: Manifest) => name);
  const accounts = ofKind(objects, "ServiceAccount").map(({ metadata }) => metadata.name);
  const claims = ofKind(objects, "PersistentVolumeClaim").map(({ metadata }) => metadata.name);
  return [
    ...duplicates(volumes).map((name) => `${from}: two volumes ${name}`),
    ...(spec.serviceAccountName === undefined || accounts.includes(spec.serviceAccountName)
      ? []
      : [`${from}: no ServiceAccount ${spec.serviceAccountName}`]),
    ...(spec.volumes ?? [])
      .flatMap(({ persistentVolumeClaim: claim }: Manifest) => (claim === undefined ? [] : [claim.claimName]))
      .filter((name: string) => !claims.includes(name))
      .map((name: string) => `${from}: no PersistentVolumeClaim ${name}`),
    ...containersOf(pod).flatMap((container) => ofContainer(pod, container, volumes, objects)),
  ];
}

function ofContainer(
  { from, spec }: RenderedPod,
  container: Manifest,
  volumes: readonly string[],
  objects: readonly Manifest[],
): string[] {
  const { name, ports = [], env = [], envFrom = [], volumeMounts = [], resources } = container;
  const where = `${from} ${name}`;
  const variables = variablesOf(container, objects);
  const portNames = ports.map((port: Manifest) => port.name);
  const probed = ["startupProbe", "readinessProbe", "livenessProbe"].flatMap((probe) => {
    const { httpGet, grpc, tcpSocket } = container[probe] ?? {};
    const port = httpGet?.port ?? grpc?.port ?? tcpSocket?.port;
    return port === undefined ? [] : [port];
  });
  const numbers = ports.map((port: Manifest) => port.containerPort);
  const main = ports.find((port: Manifest) => ["grpc", "http"].includes(port.name))?.containerPort;
  return [
    ...duplicates(env.map((variable: Manifest) => variable.name)).map((one) => `${where}: ${one} twice`),
    ...duplicates(volumeMounts.map((mount: Manifest) => mount.mountPath)).map(
      (one) => `${where}: two mounts at ${one}`,
    ),
    ...duplicates(portNames).map((one) => `${where}: two ports ${one}`),
    ...duplicates(numbers.map(String)).map((one) => `${where}: port ${one} twice`),
    ...volumeMounts
      .filter((mount: Manifest) => !volumes.includes(mount.name))
      .map((mount: Manifest) => `${where}: no volume ${mount.name}`),
    ...envFrom
      .map(({ configMapRef }: Manifest) => configMapRef.name)
      .filter((one: string) => !ofKind(objects, "ConfigMap").some(({ metadata }) => metadata.name === one))
      .map((one: string) => `${where}: no ConfigMap ${one}`),
    ...probed
      .filter((port) => !portNames.includes(port) && !numbers.includes(port))
      .map((port) => `${where}: probes ${port}`),
    ...[...variables].flatMap(([variable, value]) =>
      /_FILE$|^NODE_EXTRA_CA_CERTS$/.test(variable) && value.startsWith("/etc/sagacart/")
        ? isMounted(value, volumeMounts, spec.volumes ?? [])
          ? []
          : [`${where}: ${variable} is ${value}, which is not mounted`]
        : [],
    ),
    ...(main !== undefined && variables.has("PORT") && variables.get("PORT") !== String(main)
      ? [`${where}: listens at ${variables.get("PORT")}, not ${main}`]
      : []),
    ...["HTTP_PORT", "ADMIN_PORT", "MAILBOX_SMTP_PORT"].flatMap((variable) => {
      const value = variables.get(variable);
      return value === undefined || numbers.includes(Number(value))
        ? []
        : [`${where}: no port ${value}, of ${variable}`];
    }),
    ...Object.entries<string | number>(resources?.limits ?? {}).flatMap(([resource, limit]) =>
      quantity(resources.requests?.[resource] ?? 0) > quantity(limit)
        ? [`${where}: requests more ${resource} than its limit`]
        : [],
    ),
    ...(variables.has("PORT") && variables.get("HOST") !== "0.0.0.0" ? [`${where}: not reachable`] : []),
  ];
}

/** Returns the variables of a container whose values are in the objects. */
function variablesOf({ env = [], envFrom = [] }: Manifest, objects: readonly Manifest[]): Map<string, string> {
  const maps = ofKind(objects, "ConfigMap").filter(({ metadata }) =>
    envFrom.some(({ configMapRef }: Manifest) => configMapRef?.name === metadata.name),
  );
  return new Map<string, string>([
    ...maps.flatMap(({ data }) => Object.entries<string>(data)),
    ...env.flatMap(({ name, value }: Manifest) => (typeof value === "string" ? [[name, value] as const] : [])),
  ]);
}

function isMounted(path: string, mounts: readonly Manifest[], volumes: readonly Manifest[]): boolean {
  return mounts.some(({ name, mountPath }) => {
    if (!path.startsWith(`${mountPath}/`)) return false;
    const volume = volumes.find((one) => one.name === name);
    const items = volume?.secret?.items ?? volume?.projected?.sources.flatMap(({ secret }: Manifest) => secret.items);
    return items === undefined || items.some((item: Manifest) => `${mountPath}/${item.path}` === path);
  });
}

function ofService({ metadata, spec }: Manifest, pods: readonly RenderedPod[]): string[] {
  const selected = pods.filter((pod) => selects(spec.selector, pod.metadata.labels));
  if (selected.length === 0) return [`Service ${metadata.name}: selects no pod`];
  return [
    ...duplicates(spec.ports.map(({ name }: Manifest) => name)).map(
      (name) => `Service ${metadata.name}: two ports ${name}`,
    ),
    ...spec.ports
      .filter(({ targetPort }: Manifest) => selected.some((pod) => portIn(pod, targetPort) === undefined))
      .map(({ targetPort }: Manifest) => `Service ${metadata.name}: its pods have no port ${targetPort}`),
  ];
}

function portIn(pod: RenderedPod, wanted: string | number): number | undefined {
  const ports: Manifest[] = containersOf(pod).flatMap(({ ports = [] }) => ports);
  return ports.find(({ name, containerPort }) => name === wanted || containerPort === wanted)?.containerPort;
}

/** Checks the objects that an object names. */
function ofReferences({ kind, metadata, spec }: Manifest, objects: readonly Manifest[]): string[] {
  const where = `${kind} ${metadata.name}`;
  const has = (wanted: string, name: string) =>
    objects.some((object) => object.kind === wanted && object.metadata.name === name);
  const missing = (wanted: string, name: string | undefined) =>
    name === undefined || has(wanted, name) ? [] : [`${where}: no ${wanted} ${name}`];
  const backend = (name: string, port: string | number) => {
    const service = objects.find((object) => object.kind === "Service" && object.metadata.name === name);
    return service?.spec.ports.some((one: Manifest) => one.name === port || one.port === port)
      ? []
      : [`${where}: no Service ${name} with the port ${port}`];
  };
  const selectsPods = (labels: Manifest, ports: readonly string[]) => {
    const found = podsOf(objects).filter((pod) => selects(labels, pod.metadata.labels));
    if (found.length === 0) return [`${where}: selects no pod`];
    return ports
      .filter((port) => found.every((pod) => portIn(pod, port) === undefined))
      .map((port) => `${where}: its pods have no port ${port}`);
  };
  switch (kind) {
    case "HorizontalPodAutoscaler": {
      const { scaleTargetRef: target, minReplicas, maxReplicas } = spec;
      const scaled = objects.find((one) => one.kind === target.kind && one.metadata.name === target.name);
      return [
        ...missing(target.kind, target.name),
        ...(scaled?.spec.replicas === undefined ? [] : [`${where}: ${target.name} sets replicas, too`]),
        ...(minReplicas > maxReplicas ? [`${where}: more at least than at most`] : []),
      ];
    }
    case "Ingress":
      return spec.rules.flatMap(({ http }: Manifest) =>
        http.paths.flatMap(({ backend: { service } }: Manifest) =>
          backend(service.name, service.port.name ?? service.port.number),
        ),
      );
    case "HTTPRoute":
    case "GRPCRoute":
      return spec.rules.flatMap(({ backendRefs }: Manifest) =>
        backendRefs.flatMap(({ name, port }: Manifest) => backend(name, port)),
      );
    case "PodDisruptionBudget":
      return selectsPods(spec.selector.matchLabels, []);
    case "ServiceMonitor":
      return selectsPods(
        spec.selector.matchLabels,
        spec.endpoints.map(({ targetPort }: Manifest) => targetPort),
      );
    case "PodMonitor":
      return spec.selector.matchLabels["cnpg.io/cluster"] === undefined
        ? selectsPods(
            spec.selector.matchLabels,
            spec.podMetricsEndpoints.map(({ port }: Manifest) => port),
          )
        : missing("Cluster", spec.selector.matchLabels["cnpg.io/cluster"]);
    case "Certificate":
      // An issuer of the owner has another name than those of the release.
      return spec.issuerRef.kind === "Issuer" && spec.issuerRef.name.endsWith("-ca")
        ? missing("Issuer", spec.issuerRef.name)
        : [];
    case "WorkerDeployment":
      return missing("Connection", spec.workerOptions.connectionRef.name);
    case "WorkerResourceTemplate":
      return missing("WorkerDeployment", spec.workerDeploymentRef.name);
    case "ScheduledBackup":
      return missing("Cluster", spec.cluster.name);
    case "Cluster":
      return quantity(spec.resources?.requests?.memory ?? 0) > quantity(spec.resources?.limits?.memory ?? "1Ei")
        ? [`${where}: requests more memory than its limit`]
        : [];
    default:
      return [];
  }
}

/** Checks each address that a pod is given: something is there, and the network policies let the pod call it. */
function ofCalls(pod: RenderedPod, pods: readonly RenderedPod[], objects: readonly Manifest[]): string[] {
  const { from } = pod;
  const variables = new Map(containersOf(pod).flatMap((container) => [...variablesOf(container, objects)]));
  for (const { metadata } of ofKind(objects, "Cluster")) {
    // The Secret has its address.
    const isMounted = (pod.spec.volumes ?? []).some(({ secret }: Manifest) =>
      [`${metadata.name}-app`, `${metadata.name}-serving`].includes(secret?.secretName),
    );
    if (isMounted) variables.set("DATABASE_URL", `postgresql://${metadata.name}-rw:5432/`);
  }
  return [...variables].flatMap(([variable, text]) => {
    // What browsers and customers call, and itself.
    if (/^(PUBLIC_URL|ISSUER_URL|AUTH_ISSUER|OIDC_CLIENTS|WEBHOOK_URL_PUBLIC)$/.test(variable)) return [];
    return addressesIn(text).flatMap(({ host, port, scheme }) => {
      const where = `${from}: ${variable} is ${host}:${port}`;
      if (/^(localhost|127\.0\.0\.1|0\.0\.0\.0)$/.test(host)) {
        return portIn(pod, port) === undefined ? [`${where}, and it has no such port`] : [];
      }
      const service = ofKind(objects, "Service").find(({ metadata }) => metadata.name === host);
      const cluster = ofKind(objects, "Cluster").find(({ metadata }) => `${metadata.name}-rw` === host);
      if (service === undefined && cluster === undefined) {
        if (!host.includes(".")) return [`${where}, which nothing is`];
        return isAllowed(objects, "Egress", pod.metadata.labels, port, undefined)
          ? []
          : [`${where}, which a policy refuses`];
      }
      if (cluster !== undefined) {
        const labels = { "cnpg.io/cluster": cluster.metadata.name };
        return port === 5432 ? refusedCalls(where, objects, pod, labels, port) : [`${where}, not 5432`];
      }
      const target = service?.spec.ports.find((one: Manifest) => one.port === port);
      if (target === undefined) return [`${where}, a port that the Service does not have`];
      const callees = pods.filter((one) => selects(service.spec.selector, one.metadata.labels));
      return callees.flatMap((callee) => [
        ...refusedCalls(where, objects, pod, callee.metadata.labels, portIn(callee, target.targetPort) ?? 0),
        ...(scheme !== "smtp" && servesTls(callee, objects) !== usesTls(scheme, variables)
          ? [`${where}, where one of the two uses TLS`]
          : []),
      ]);
    });
  });
}

function refusedCalls(
  where: string,
  objects: readonly Manifest[],
  caller: RenderedPod,
  callee: Record<string, string>,
  port: number,
): string[] {
  return [
    ...(isAllowed(objects, "Egress", caller.metadata.labels, port, callee)
      ? []
      : [`${where}, which its policy refuses`]),
    ...(isAllowed(objects, "Ingress", callee, port, caller.metadata.labels)
      ? []
      : [`${where}, whose policy refuses it`]),
  ];
}

function servesTls(pod: RenderedPod, objects: readonly Manifest[]): boolean {
  const variables = new Map(pod.spec.containers.flatMap((one: Manifest) => [...variablesOf(one, objects)]));
  return variables.has("TLS_CERT_FILE") && variables.get("SERVE_TLS") !== "false";
}

function usesTls(scheme: string, variables: ReadonlyMap<unknown, unknown>): boolean {
  return scheme === "https" || (scheme !== "http" && variables.has("TLS_CA_FILE"));
}

/** Returns true if policies let pods with these labels call, or be called by, pods with other labels; undefined: outside. */
function isAllowed(
  objects: readonly Manifest[],
  side: "Egress" | "Ingress",
  labels: Record<string, string>,
  port: number,
  other: Record<string, string> | undefined,
): boolean {
  const policies = ofKind(objects, "NetworkPolicy").filter(
    ({ spec }) => spec.policyTypes.includes(side) && selects(spec.podSelector.matchLabels ?? {}, labels),
  );
  if (policies.length === 0) return true;
  return policies.some(({ spec }) =>
    ((side === "Egress" ? spec.egress : spec.ingress) ?? []).some(({ ports, ...rule }: Manifest) => {
      const peers: Manifest[] | undefined = side === "Egress" ? rule.to : rule.from;
      if (ports !== undefined && !ports.some((one: Manifest) => one.port === port)) return false;
      return (
        peers === undefined ||
        peers.length === 0 ||
        peers.some(({ podSelector, namespaceSelector, ipBlock }) =>
          other === undefined
            ? ipBlock !== undefined || namespaceSelector !== undefined
            : ipBlock === undefined &&
              namespaceSelector === undefined &&
              selects(podSelector?.matchLabels ?? {}, other),
        )
      );
    }),
  );
}

function selects(selector: Record<string, string>, labels: Record<string, string> = {}): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

type Address = { readonly host: string; readonly port: number; readonly scheme: string };

/** Returns the addresses in the value of a variable: URLs, and host:port. */
export function addressesIn(text: string): Address[] {
  const urls = text.matchAll(/([a-z]+):\/\/\/?(?:[^@/\s]*@)?([a-z0-9][a-z0-9.-]*)(?::(\d+))?/g);
  const known: Readonly<Record<string, number>> = { https: 443, http: 80 };
  const found = [...urls].map(([, scheme = "", host = "", port]) => ({
    scheme,
    host,
    port: Number(port ?? known[scheme] ?? 5432),
  }));
  const [, host, port] = /^([a-z0-9][a-z0-9.-]*):(\d+)$/.exec(text) ?? [];
  return host === undefined ? found : [{ scheme: "", host, port: Number(port) }];
}

function duplicates(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

/** Returns the number that a quantity of Kubernetes is. */
export function quantity(text: string | number): number {
  const units: Readonly<Record<string, number>> = parse(
    "{'': 1, m: 0.001, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 1024, Mi: 1048576, Gi: 1073741824, Ti: 1099511627776, Ei: 1.152921504606847e18}",
  );
  const [, number = "", unit = ""] = /^([0-9.e+]+?)([A-Za-z]*)$/.exec(String(text)) ?? [];
  return Number(number) * (units[unit] ?? Number.NaN);
}
