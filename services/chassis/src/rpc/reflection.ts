import {
  createRegistry,
  type DescFile,
  type DescMethod,
  type DescService,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import { file_google_rpc_error_details } from "@sagacart/proto/google/rpc/error_details";
import { ServerReflection } from "@sagacart/proto/grpc/reflection/v1/reflection";
import { ServerReflection as ServerReflectionV1Alpha } from "@sagacart/proto/grpc/reflection/v1alpha/reflection";

/**
 * Adds gRPC server reflection, v1 and v1alpha, which grpcurl and similar tools use to list, describe and call methods. Of
 * these services, it shows the methods for which `isShown` returns true; of others in the same files, nothing.
 */
export function serveReflection(
  router: ConnectRouter,
  services: readonly DescService[],
  isShown: (method: DescMethod) => boolean = () => true,
): void {
  const index = createIndex([...services, ServerReflection, ServerReflectionV1Alpha], isShown);
  router.service(ServerReflection, { serverReflectionInfo: (requests) => answers(index, requests) });
  router.service(ServerReflectionV1Alpha, { serverReflectionInfo: (requests) => answers(index, requests) });
}

type Index = {
  names: string[];
  files: ReadonlyMap<string, DescFile>;
  registry: Registry;
  isShown(method: DescMethod): boolean;
};
type Question =
  | { case: "listServices" | "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType"; value: string }
  | { case: "fileContainingExtension"; value: { containingType: string; extensionNumber: number } }
  | { case: undefined; value?: undefined };

async function* answers<R extends { host: string; messageRequest: Question }>(
  index: Index,
  requests: AsyncIterable<R>,
) {
  for await (const request of requests) {
    yield {
      validHost: request.host,
      originalRequest: request,
      messageResponse: answer(index, request.messageRequest),
    };
  }
}

function createIndex(services: readonly DescService[], isShown: Index["isShown"]): Index {
  const files = new Map<string, DescFile>();
  for (const { file } of services) {
    collect(file, files);
  }
  // The types of error details, so that grpcurl shows them as text.
  collect(file_google_rpc_error_details, files);
  collect(file_buf_validate_validate, files);
  const names = [...new Set(services.map(({ typeName }) => typeName))].sort();
  const own = new Set(names);
  return {
    names,
    files,
    registry: createRegistry(...files.values()),
    isShown: (method) =>
      own.has(method.parent.typeName) && (!method.parent.typeName.startsWith("sagacart.") || isShown(method)),
  };
}

function collect(file: DescFile, into: Map<string, DescFile>): void {
  if (!into.has(file.proto.name)) {
    into.set(file.proto.name, file);
    for (const dependency of file.dependencies) {
      collect(dependency, into);
    }
  }
}

function answer(index: Index, question: Question) {
  switch (question.case) {
    case "listServices":
      return {
        case: "listServicesResponse" as const,
        value: { service: index.names.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return fileAnswer(index, index.files.get(question.value), question.value);
    case "fileContainingSymbol":
      return fileAnswer(index, fileOfSymbol(index, question.value), question.value);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      const file = extensionsOf(index, containingType).find(({ number }) => number === extensionNumber)?.file;
      return fileAnswer(index, file, `extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType": {
      const baseTypeName = question.value;
      if (index.registry.getMessage(baseTypeName) === undefined) {
        return notFound(baseTypeName);
      }
      const extensionNumber = extensionsOf(index, baseTypeName).map(({ number }) => number);
      return { case: "allExtensionNumbersResponse" as const, value: { baseTypeName, extensionNumber } };
    }
    default:
      return failure(Code.InvalidArgument, "the request has no known question");
  }
}

/** Returns the file with all that it imports, which saves the client more requests. */
function fileAnswer(index: Index, file: DescFile | undefined, asked: string) {
  if (file === undefined) {
    return notFound(asked);
  }
  const files = new Map<string, DescFile>();
  collect(file, files);
  const fileDescriptorProto = [...files.values()].map((each) =>
    toBinary(FileDescriptorProtoSchema, shown(index, each)),
  );
  return { case: "fileDescriptorResponse" as const, value: { fileDescriptorProto } };
}

/** Returns a file's descriptor without the services and methods that are not shown. */
function shown({ isShown }: Index, file: DescFile): FileDescriptorProto {
  const service = file.services.flatMap(({ proto, methods }) => {
    const method = methods.filter(isShown).map((each) => each.proto);
    return method.length === 0 ? [] : [{ ...proto, method }];
  });
  return { ...file.proto, service };
}

/** Finds the file of a message, enum, service or extension, or of a method, field, oneof or enum value in one. */
function fileOfSymbol({ registry, isShown }: Index, symbol: string): DescFile | undefined {
  const type = registry.get(symbol);
  if (type?.kind === "service") {
    return type.methods.some(isShown) ? type.file : undefined;
  }
  if (type !== undefined) {
    return type.file;
  }
  const dot = symbol.lastIndexOf(".");
  const parent = dot < 0 ? undefined : registry.get(symbol.slice(0, dot));
  const name = symbol.slice(dot + 1);
  switch (parent?.kind) {
    case "service":
      return parent.methods.some((method) => method.name === name && isShown(method)) ? parent.file : undefined;
    case "message":
      return [...parent.fields, ...parent.oneofs].some((member) => member.name === name) ? parent.file : undefined;
    case "enum":
      return parent.values.some((value) => value.name === name) ? parent.file : undefined;
    default:
      return undefined;
  }
}

function extensionsOf({ registry }: Index, typeName: string) {
  return [...registry]
    .filter((type) => type.kind === "extension")
    .filter(({ extendee }) => extendee.typeName === typeName);
}

function notFound(asked: string) {
  return failure(Code.NotFound, `${asked} is not known here`);
}

function failure(errorCode: Code, errorMessage: string) {
  return { case: "errorResponse" as const, value: { errorCode, errorMessage } };
}
