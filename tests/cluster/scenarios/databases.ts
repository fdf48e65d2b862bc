import { isHealthy } from "../../../scripts/kubernetes/shop.ts";
import { databaseNames } from "../../../scripts/shop.ts";
import { check, type Scenario } from "../scenario.ts";

/** Checks the databases' operator, and the source of the services' credentials. */
export const databases: Scenario = {
  name: "databases",
  promise: "each service's Postgres is a healthy CloudNativePG Cluster, with the operator's credentials",
  async run({ shop, measured }) {
    const { namespace } = shop;
    for (const part of databaseNames) {
      const name = shop.objectName(`${part}-db`);
      const cluster = await namespace.find("clusters.postgresql.cnpg.io", name);
      check(cluster !== undefined && isHealthy(cluster), `${name} is ${cluster?.status?.phase ?? "missing"}`);

      const secret = await namespace.find("secret", `${name}-app`);
      const owner = secret?.metadata.ownerReferences?.[0];
      check(owner?.kind === "Cluster" && owner.name === name, `the Secret ${name}-app does not belong to the operator`);
      const [deployment] = await shop.deployments(part);
      const mounted = deployment.spec.template.spec.volumes.map(
        ({ secret: volume }: { secret?: { secretName: string } }) => volume?.secretName,
      );
      check(mounted.includes(`${name}-app`), `${deployment.metadata.name} does not mount ${name}-app`);
    }
    measured(`${databaseNames.length} Clusters are healthy, and each service mounts its Cluster's Secret`);
  },
};
