/**
 * Translates a template of google.api.http to the router's syntax: `/v1/orders/{id}:pay` to `/v1/orders/:p0(^[^:/]+)::pay`.
 * A literal colon is doubled. A parameter contains no colon, so `/v1/orders/1:unknown` is 404.
 */
export function routerPath(template: string, parameters: readonly string[]): string {
  let index = 0;
  return template.replaceAll(":", "::").replace(/\{[^}]+\}/g, () => {
    const parameter = parameters[index++] ?? "";
    return `:${parameter}(^[^:/]+)`;
  });
}
