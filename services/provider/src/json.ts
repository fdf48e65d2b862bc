export type JsonFields = Readonly<Record<string, unknown>>;

/** Reads a JSON object; undefined for anything else, also for bytes that are not UTF-8. */
export function parseObject(json: Uint8Array | string): JsonFields | undefined {
  try {
    return asObject(JSON.parse(typeof json === "string" ? json : utf8.decode(json)));
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

export function asObject(value: unknown): JsonFields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

/** Returns a text that matches; undefined for anything else. */
export function matching(value: unknown, pattern: RegExp): string | undefined {
  return typeof value === "string" && pattern.test(value) ? value : undefined;
}
