import { create, createFileRegistry, type Message, setExtension } from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import {
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  MethodOptions_IdempotencyLevel as Level,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import {
  FieldRulesSchema,
  field as fieldRules,
  file_buf_validate_validate,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** The message of the chassis's tests. `text` has 1 to 20 characters. */
export type Note = Message<"sagacart.chassis.test.v1.Note"> & { text: string; number: bigint };

type Method<K extends "unary" | "server_streaming" | "client_streaming" | "bidi_streaming"> = {
  methodKind: K;
  input: GenMessage<Note>;
  output: GenMessage<Note>;
};

// A service as protoc-gen-es would generate it, from a descriptor written by hand: it is not part of the contract.
const file = create(FileDescriptorProtoSchema, {
  name: "sagacart/chassis/test/v1/echo.proto",
  package: "sagacart.chassis.test.v1",
  syntax: "proto3",
  dependency: ["buf/validate/validate.proto"],
  messageType: [
    {
      name: "Note",
      field: [
        { name: "text", jsonName: "text", number: 1, type: Type.STRING, label: Label.OPTIONAL, options: textRules() },
        { name: "number", jsonName: "number", number: 2, type: Type.INT64, label: Label.OPTIONAL },
      ],
    },
  ],
  service: [
    {
      name: "EchoService",
      method: [
        method("Repeat", { idempotencyLevel: Level.IDEMPOTENT }),
        method("Read", { idempotencyLevel: Level.NO_SIDE_EFFECTS }),
        method("Change", {}),
        method("Watch", { idempotencyLevel: Level.NO_SIDE_EFFECTS, serverStreaming: true }),
        method("Gather", { clientStreaming: true }),
        method("Chat", { clientStreaming: true, serverStreaming: true }),
      ],
    },
  ],
});

const registry = createFileRegistry(file, (name) =>
  name === "buf/validate/validate.proto" ? file_buf_validate_validate : undefined,
);

// The registry is untyped; the types are those of the descriptor above.
export const NoteSchema = registry.getMessage("sagacart.chassis.test.v1.Note") as GenMessage<Note>;
export const EchoService = registry.getService("sagacart.chassis.test.v1.EchoService") as GenService<{
  repeat: Method<"unary">;
  read: Method<"unary">;
  change: Method<"unary">;
  watch: Method<"server_streaming">;
  gather: Method<"client_streaming">;
  chat: Method<"bidi_streaming">;
}>;

function textRules() {
  const options = create(FieldOptionsSchema);
  const rules = create(FieldRulesSchema, { type: { case: "string", value: { minLen: 1n, maxLen: 20n } } });
  setExtension(options, fieldRules, rules);
  return options;
}

type MethodOptions = { idempotencyLevel?: Level; clientStreaming?: boolean; serverStreaming?: boolean };

function method(name: string, { idempotencyLevel, clientStreaming = false, serverStreaming = false }: MethodOptions) {
  const note = ".sagacart.chassis.test.v1.Note";
  const options = idempotencyLevel === undefined ? {} : { options: { idempotencyLevel } };
  return { name, inputType: note, outputType: note, clientStreaming, serverStreaming, ...options };
}
