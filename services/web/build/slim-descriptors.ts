import { fromBinary, isMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Plugin } from "vite";

/**
 * Removes from the generated code what no browser reads: the rules of protovalidate, the REST bindings and the access rules,
 * which are extensions of the descriptors' options. They are two thirds of the descriptors, and the services enforce them.
 */
export function slimDescriptors(): Plugin {
  return {
    name: "sagacart-slim-descriptors",
    enforce: "pre",
    transform(code, id) {
      if (!/\/(?:proto\/gen|protovalidate)\/.*_pb\.(?:ts|js)$/.test(id)) {
        return undefined;
      }
      return { code: code.replace(/(?<=\bfileDesc\(")[A-Za-z0-9+/=]+(?=")/g, slim), map: null };
    },
  };
}

/** Returns an encoded file descriptor without extensions. */
export function slim(encoded: string): string {
  const file = fromBinary(FileDescriptorProtoSchema, Buffer.from(encoded, "base64"));
  removeUnknownFields(file);
  if (file.name === "buf/validate/validate.proto") {
    // The rules themselves; only the messages that describe broken ones are read. Code refers to messages by position.
    for (const message of file.messageType.filter(({ name }) => !ofViolations.has(name))) {
      message.field = [];
      message.oneofDecl = [];
      message.extensionRange = [];
    }
    file.extension = [];
  }
  return Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString("base64").replace(/=+$/, "");
}

const ofViolations = new Set(["Violations", "Violation", "FieldPath", "FieldPathElement"]);

/** Extensions are unknown fields of the options, since they are decoded without a registry. */
function removeUnknownFields(message: Message): void {
  delete message.$unknown;
  for (const value of Object.values(message).flat()) {
    if (isMessage(value)) {
      removeUnknownFields(value);
    }
  }
}
