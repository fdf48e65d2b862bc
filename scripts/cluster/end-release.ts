/** Asks the API server. The answer to what does not exist has the status 404. */
export type Ask = (method: string, path: string, body?: object) => Promise<{ status: number; json: unknown }>;

export type Release = {
  readonly ask: Ask;
  readonly namespace: string;
  readonly release: string;
  /** Repeats a check until it returns true. Throws at its limit. */
  readonly until: (what: string, check: () => Promise<boolean>, limits: { withinMs: number }) => Promise<unknown>;
};

/**
 * Asks for the deletion of a WorkerDeployment, and then ends the pods of its versions: in this order, because until then the
 * Worker Controller would start them again. Resolves when no pod is left. The Worker Controller ends the WorkerDeployment
 * itself, once Temporal has seen no poller for some minutes.
 */
export async function endWorkerDeployment(
  { ask, namespace, name, until }: Release & { readonly name: string },
  say: (line: string) => void,
): Promise<void> {
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const selector = `labelSelector=${encodeURIComponent(`temporal.io/deployment-name=${name}`)}`;
  await expectStatus(
    ask("DELETE", `/apis/temporal.io/v1alpha1/namespaces/${namespace}/workerdeployments/${name}`),
    [200, 202, 404],
  );
  say("ends the versions of the worker");
  const pods = `/api/v1/namespaces/${namespace}/pods?${selector}`;
  await until(
    "the worker's pods to end",
    async () => {
      // Again each time: the Worker Controller may have been about to make or scale one.
      for (const version of itemsOf(await expectStatus(ask("GET", `${deployments}?${selector}`), [200]))) {
        if (version.spec?.replicas === 0) continue;
        const scale = `${deployments}/${version.metadata.name}/scale`;
        await expectStatus(ask("PATCH", scale, { spec: { replicas: 0 } }), [200, 404]);
      }
      return itemsOf(await expectStatus(ask("GET", pods), [200])).length === 0;
    },
    { withinMs: 180_000 },
  );
}

/** Deletes the seed's job and the tests' pods, which are hooks and not part of the release. */
export async function removeHookObjects(
  { ask, namespace, release }: Release,
  say: (line: string) => void,
): Promise<void> {
  const removed = [
    `/apis/batch/v1/namespaces/${namespace}/jobs/${release}-seed?propagationPolicy=Background`,
    ...["health", "checkout", "audit", "public-url"].map(
      (test) => `/api/v1/namespaces/${namespace}/pods/${release}-test-${test}`,
    ),
  ];
  for (const path of removed) {
    await expectStatus(ask("DELETE", path), [200, 202, 404]);
  }
  say("removed the seed's job and the tests' pods");
}

async function expectStatus(
  asked: Promise<{ status: number; json: unknown }>,
  expected: readonly number[],
): Promise<unknown> {
  const { status, json } = await asked;
  if (!expected.includes(status)) {
    throw new Error(`the API server answered ${status}: ${JSON.stringify(json).slice(0, 300)}`);
  }
  return json;
}

type Item = { readonly metadata: { readonly name: string }; readonly spec?: { readonly replicas?: number } };

function itemsOf(list: unknown): readonly Item[] {
  const { items = [] }: { items?: readonly Item[] } = typeof list === "object" && list !== null ? list : {};
  return items;
}
