import type { Message } from "@bufbuild/protobuf";
import { shorten } from "../shorten.ts";

/** The kind of resource that a server's calls are about, so that their spans and log lines carry its id. */
export type Subject = {
  /** The id in a message: of its field `<name>_id`, or of its field `<name>`, a message with an id. */
  idIn(message: Message): string | undefined;
  /** The name of the span's attribute: `sagacart.<name>.id`. */
  readonly attribute: string;
  /** The name of the log line's field: `<name>Id`. */
  readonly logField: string;
};

/** Describes a subject by its name, for example `order`: one word in lower case. */
export function subjectOf(name: string): Subject {
  const idField = `${name}Id`;
  return {
    idIn(message) {
      const id: unknown = Reflect.get(message, idField) ?? idOf(Reflect.get(message, name));
      return typeof id === "string" && id !== "" ? shorten(id, maxIdBytes) : undefined;
    },
    attribute: `sagacart.${name}.id`,
    logField: idField,
  };
}

/** An id is at most 63 bytes; a request that was refused may have held anything. */
const maxIdBytes = 64;

function idOf(resource: unknown): unknown {
  return typeof resource === "object" && resource !== null && "id" in resource ? resource.id : undefined;
}
