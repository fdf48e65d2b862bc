import { parseAllDocuments } from "yaml";

/** The keys that Secrets must have, by the Secrets' names. No key: any content. */
export type NeededSecrets = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Finds the Secrets that rendered manifests refer to and that no object among them makes: those that the owner must create
 * before the pods start. cert-manager makes those of Certificates; CloudNativePG makes `<cluster>-app` and `<cluster>-ca`.
 */
export function neededSecrets(manifests: string): NeededSecrets {
  return neededBy(objectsIn(manifests));
}

/** The same with those that are optional: pods start without them, and do less. */
export function usedSecrets(manifests: string): NeededSecrets {
  return neededBy(objectsIn(manifests), { andOptional: true });
}

function objectsIn(manifests: string): readonly unknown[] {
  return parseAllDocuments(manifests).map((document): unknown => document.toJS());
}

/** The same of objects. */
export function neededBy(objects: readonly unknown[], { andOptional = false } = {}): NeededSecrets {
  const made = new Set(objects.flatMap(madeBy));
  const needed = new Map<string, Set<string>>();
  for (const { name, keys, isOptional } of objects.flatMap(referredTo)) {
    if (!made.has(name) && (andOptional || !isOptional)) {
      needed.set(name, new Set([...(needed.get(name) ?? []), ...keys]));
    }
  }
  return needed;
}

type Reference = { readonly name: string; readonly keys: readonly string[]; readonly isOptional: boolean };

function madeBy(object: unknown): readonly string[] {
  const { kind, metadata, spec } = asMap(object);
  const name = asText(asMap(metadata).name);
  switch (kind) {
    case "Certificate":
      return [asText(asMap(spec).secretName)];
    case "Cluster":
      return [`${name}-app`, `${name}-ca`];
    case "Secret":
      return [name];
    default:
      return [];
  }
}

/** Searches a value for all the ways in which Kubernetes' and the operators' objects refer to a Secret. */
function referredTo(value: unknown): readonly Reference[] {
  if (Array.isArray(value)) {
    return value.flatMap(referredTo);
  }
  if (typeof value !== "object" || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([field, inside]) =>
    field === "imagePullSecrets" && Array.isArray(inside)
      ? inside.map((one) => ({ name: asText(asMap(one).name), keys: [], isOptional: false }))
      : [...referenceIn(field, asMap(inside)), ...referredTo(inside)],
  );
}

function referenceIn(field: string, inside: Fields): readonly Reference[] {
  const isOptional = inside.optional === true;
  switch (field) {
    case "secretKeyRef":
    case "apiKeySecretRef":
      return [{ name: asText(inside.name), keys: [asText(inside.key)], isOptional }];
    case "mutualTLSSecretRef":
      return [{ name: asText(inside.name), keys: ["tls.crt", "tls.key"], isOptional }];
    case "passwordSecret":
      return [{ name: asText(inside.name), keys: ["username", "password"], isOptional }];
    case "secret": {
      // A volume has secretName; a source of a projected volume has name.
      const name = asText(inside.secretName ?? inside.name);
      const items: readonly unknown[] = Array.isArray(inside.items) ? inside.items : [];
      return name === "" ? [] : [{ name, keys: items.map((item) => asText(asMap(item).key)), isOptional }];
    }
    default:
      return [];
  }
}

type Fields = Readonly<Record<string, unknown>>;

function asMap(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
