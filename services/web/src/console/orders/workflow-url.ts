/** Returns the page of a workflow in Temporal's web UI, whose address may name a namespace other than `default`. */
export function workflowUrl(temporalUrl: string, workflowId: string): string {
  const base = temporalUrl.replace(/\/+$/, "");
  const namespace = /\/namespaces\/[^/]+$/.test(base) ? base : `${base}/namespaces/default`;
  return `${namespace}/workflows/${encodeURIComponent(workflowId)}`;
}
