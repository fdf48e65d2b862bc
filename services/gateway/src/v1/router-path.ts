/**
 * A template of google.api.http as the router writes it. `/v1/orders/{id}:pay` is `/v1/orders/:p0(^[^:/]+)::pay`:
 * a colon that is meant is doubled, and no id has one, so that `/v1/orders/1:unknown` is nowhere.
 */
export function routerPath(template: string, parameters: readonly string[]): string {
  let index = 0;
  return template.replaceAll(":", "::").replace(/\{[^}]+\}/g, () => {
    const parameter = parameters[index++] ?? "";
    return `:${parameter}(^[^:/]+)`;
  });
}
