import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import versions from "../versions.json" with { type: "json" };

const text = readFileSync(new URL("collector.yaml", import.meta.url), "utf8");

type Pipeline = { readonly receivers: string[]; readonly processors: string[]; readonly exporters: string[] };
type Exporter = {
  readonly endpoint: string;
  readonly auth: { readonly authenticator: string };
  readonly tls: Readonly<Record<string, unknown>>;
  readonly sending_queue: { readonly enabled: boolean; readonly storage: string };
  readonly retry_on_failure: { readonly enabled: boolean; readonly max_elapsed_time: string };
};
type Values = {
  readonly presets: { readonly logsCollection: object };
  readonly ports: Readonly<Record<string, { readonly enabled: boolean }>>;
  readonly securityContext: object;
  readonly alternateConfig: {
    readonly extensions: Readonly<Record<string, { readonly filename?: string }>>;
    readonly receivers: object;
    readonly processors: object;
    readonly connectors: {
      readonly routing: {
        readonly default_pipelines: string[];
        readonly table: readonly { readonly pipelines: string[] }[];
      };
    };
    readonly exporters: Readonly<Record<string, Exporter>>;
    readonly service: { readonly extensions: string[]; readonly pipelines: Readonly<Record<string, Pipeline>> };
  };
};
const values: Values = parse(text, { merge: true });
const config = values.alternateConfig;

test("the example's command installs the version of versions.json", () => {
  const { repository, chart, version, namespace } = versions.charts.openTelemetryCollector;
  const command = text
    .replaceAll(/\s*\\\n#\s*/g, " ")
    .split("\n")
    .find((line) => line.includes("helm upgrade"));
  expect(command).toContain(
    `collector ${chart} --repo ${repository} --version ${version} --namespace ${namespace} --values k8s/logging/collector.yaml`,
  );
});

test("each part of a pipeline is defined, and each definition is used", () => {
  const { connectors, exporters, extensions, processors, service } = config;
  const pipelines = Object.values(service.pipelines);
  const used = (pick: (pipeline: Pipeline) => string[]) => [...new Set(pipelines.flatMap(pick))].toSorted();
  // The preset defines and adds the receiver of files.
  expect(used(({ receivers }) => receivers)).toEqual(Object.keys(connectors));
  expect(used(({ processors: names }) => names)).toEqual(Object.keys(processors).toSorted());
  expect(used(({ exporters: names }) => names)).toEqual(
    [...Object.keys(exporters), ...Object.keys(connectors)].toSorted(),
  );
  expect(service.extensions.toSorted()).toEqual(Object.keys(extensions).toSorted());
  const routed = [...connectors.routing.default_pipelines, ...connectors.routing.table.flatMap((row) => row.pipelines)];
  expect(routed.toSorted()).toEqual(
    Object.keys(service.pipelines)
      .filter((name) => name !== "logs")
      .toSorted(),
  );
});

test("the security log goes to a store of its own, by what its lines have", () => {
  const [row] = config.connectors.routing.table;
  expect(row).toEqual({ context: "log", condition: 'attributes["log"] == "security"', pipelines: ["logs/security"] });
  const { ordinary, security } = {
    ordinary: config.exporters["otlphttp/ordinary"],
    security: config.exporters["otlphttp/security"],
  };
  expect(security?.endpoint).not.toBe(ordinary?.endpoint);
  expect(security?.auth).not.toEqual(ordinary?.auth);
});

test("lines leave by TLS that is verified, wait on disk, and are sent until they are accepted", () => {
  expect(Object.keys(config.exporters).length).toBe(2);
  for (const [name, exporter] of Object.entries(config.exporters)) {
    expect(exporter.endpoint, name).toMatch(/^https:\/\//);
    expect(exporter.tls, name).toEqual({ min_version: "1.2" });
    expect(exporter.sending_queue, name).toMatchObject({ enabled: true, storage: "file_storage" });
    expect(exporter.retry_on_failure, name).toEqual({ enabled: true, max_elapsed_time: "0s" });
    expect(config.extensions[exporter.auth.authenticator]?.filename, name).toMatch(/^\/var\/run\/log-stores\//);
  }
});

test("it reads from where it was, listens for nothing, and has no more rights than root's files need", () => {
  expect(values.presets.logsCollection).toMatchObject({ enabled: true, storeCheckpoints: true });
  expect(Object.values(values.ports).filter(({ enabled }) => enabled)).toEqual([]);
  expect(config.receivers).toEqual({});
  expect(values.securityContext).toEqual({
    runAsUser: 0,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
});
