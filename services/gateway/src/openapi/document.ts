import type { DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { accessRule } from "@sagacart/chassis/auth/access";
import type { RoleName } from "@sagacart/chassis/auth/principal";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import { type Examples, withExamples } from "@sagacart/rest/openapi/examples";
import { problemResponses, problemSchema } from "@sagacart/rest/openapi/problems";
import type { Schema } from "@sagacart/rest/openapi/schema";
import { securitySchemes } from "@sagacart/rest/openapi/security";
import { cloudEventSchema } from "../events/cloud-event-schema.ts";
import { documentReading } from "../events/read.ts";
import { documentExport } from "../export/export.ts";
import { publicServices } from "../services.ts";
import { tagsAnswer } from "../v1/conditional.ts";
import type { Feed } from "../v1/feed.ts";
import type { AnyBinding } from "../v1/transcode.ts";
import { type Comments, readComments } from "./proto-comments.ts";
import { isRequired, nameComponents, Schemas } from "./schemas.ts";

/** Makes the OpenAPI document of /v1 from the descriptors that serve it, with an example for each operation. */
export function openApiDocument(
  bindings: readonly AnyBinding[],
  feeds: readonly Feed[],
  examples: Examples = {},
): Schema {
  const all = [...bindings, ...feeds.map(({ binding }) => binding)];
  const services = [...new Set(all.map(({ method }) => method.parent))];
  const comments = readComments(filesOf(services.map(({ file }) => file)));
  const names = nameComponents(
    all.map(({ method, body }) =>
      typeof body === "object" && body.message !== undefined ? body.message : method.input,
    ),
    all.map(({ method }) => method.output),
  );
  const schemas = new Schemas(comments, names);
  const paths: Record<string, Record<string, Schema>> = {};
  for (const binding of bindings) {
    const described = operation(binding, schemas, comments, answerOf(binding.method.output, schemas));
    add(paths, binding, documentOf(binding)(described));
  }
  for (const { binding, documented } of feeds) {
    const described = feedOperation(binding, schemas, comments);
    add(paths, binding, documented?.(described) ?? described);
  }
  paths["/v1/provider-webhooks/{provider}"] = { post: webhookOperation() };
  return {
    openapi: "3.1.0",
    info: {
      title: "Sagacart",
      version: "1",
      description:
        "Carts, orders, stock, payments and shipments. Errors are problems (RFC 9457); programs switch on `reason`. " +
        "A POST that makes something needs the header Idempotency-Key: a repeat with the same key attaches to what was made. " +
        "A customer may leave out `customerId`, which is their own. Answers may get more fields, and more values of enums.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    externalDocs: {
      description: "All errors by domain and reason.",
      url: "https://github.com/sagacart/sagacart/blob/main/docs/errors.md",
    },
    servers: [{ url: "/" }],
    tags: [
      ...services.map((service) => ({
        name: service.name,
        ...(comments.has(service.typeName) ? { description: comments.get(service.typeName) } : {}),
      })),
      { name: "Webhooks", description: "What the providers outside send." },
    ],
    paths: withExamples(paths, examples),
    components: {
      schemas: { ...schemas.components, CloudEvent: cloudEventSchema, Problem: problemSchema },
      responses: problemResponses,
      securitySchemes: { ...securitySchemes, signIn: signInScheme },
    },
  };
}

/** The sign-in of OpenID Connect, as the page of the document offers it. The paths are those of identity, passed on. */
const signInScheme = {
  type: "oauth2",
  description: "Sign in on the shop's own page: the authorization code flow with PKCE.",
  flows: {
    authorizationCode: {
      authorizationUrl: "/oidc/auth",
      tokenUrl: "/oidc/token",
      refreshUrl: "/oidc/token",
      scopes: {
        openid: "The user's id.",
        roles: "What the user's roles may do, besides what each customer may.",
        account: "The user's account: who they are, how they sign in, and all of their data at once.",
      },
    },
  },
} as const satisfies Schema;

/** Returns what adds to an operation that the descriptors do not say. */
function documentOf({ method }: AnyBinding): (operation: Schema) => Schema {
  switch (method) {
    case EventService.method.readEvents:
      return documentReading;
    case PersonalDataService.method.exportPersonalData:
      return documentExport;
    default:
      return (operation) => operation;
  }
}

/** Returns a path as documented: `/v1/products/{product.id}` is `/v1/products/{id}`, and `{order_id}` is `{orderId}`. */
export function documentedPath(binding: AnyBinding): string {
  let index = 0;
  return binding.template.replaceAll(/\{[^}]+\}/g, () => `{${nameInPath(binding.path[index++]?.fields ?? [])}}`);
}

/** Returns the last name of a nested field: programs that fill in paths do not expect dots. */
function nameInPath(fields: readonly DescField[]): string {
  return nameOf(fields.slice(-1));
}

function add(paths: Record<string, Record<string, Schema>>, binding: AnyBinding, operation: Schema): void {
  const path = documentedPath(binding);
  paths[path] = { ...paths[path], [binding.verb.toLowerCase()]: operation };
}

function operation(binding: AnyBinding, schemas: Schemas, comments: Comments, answer: Schema): Schema {
  const { method, body, requestId } = binding;
  const comment = comments.get(`${method.parent.typeName}.${method.name}`);
  const [summary = method.name] = comment?.split("\n\n") ?? [];
  const { anyone, roles, account } = accessRule(method);
  // Those that an application needs.
  const neededScopes = ["openid", ...(roles.includes("customer") ? [] : ["roles"]), ...(account ? ["account"] : [])];
  const audience = anyone ? "For anyone." : `For ${roles.map(whom).join(", ")}.`;
  const statuses = [
    "400",
    // Methods that anyone may call check other credentials than a token, such as a password.
    ...(anyone ? [] : ["403"]),
    ...(anyone && binding.verb === "GET" ? [] : ["401"]),
    "404",
    // A read that may create what it reads, such as the default cart, can be refused like any other change.
    ...(method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS ? [] : ["409"]),
    ...(binding.verb === "GET" ? [] : ["413", "415"]),
    ...(binding.etags.inRequest === undefined ? [] : ["412"]),
  ];
  if (requestId !== undefined || method.input.fields.some(({ name }) => name === "request_id")) {
    statuses.push("422");
  }
  return {
    operationId: operationIdOf(binding),
    "x-rpc": `${method.parent.typeName}/${method.name}`,
    tags: [method.parent.name],
    summary: summary.replace(/\.$/, ""),
    description: [...(comment === undefined ? [] : [comment]), audience].join("\n\n"),
    security: anyone ? [] : [{ token: [] }, { signIn: neededScopes }],
    parameters: parametersOf(binding, schemas),
    ...(body === undefined ? {} : { requestBody: requestBody(binding, schemas) }),
    responses: {
      "200": tagsAnswer(binding) ? { ...answer, headers: { ETag: entityTag } } : answer,
      ...(isConditionalGet(binding)
        ? { "304": { description: "If-None-Match names this representation.", headers: { ETag: entityTag } } }
        : {}),
      ...Object.fromEntries(
        [...statuses, "429", "431", "500", "503", "504"].map((status) => [
          status,
          { $ref: `#/components/responses/${status}` },
        ]),
      ),
    },
  };
}

/**
 * Names an operation by its method: `checkout`. A method that several services have gets the service's name
 * (`readEventsAtPayment`), and a further route that of the route (`searchUsers`).
 */
function operationIdOf({ method, at, variant }: AnyBinding): string {
  const domain = at ?? (isNamedTwice(method) ? method.parent.file.proto.package.split(".")[1] : undefined);
  const name = variant === undefined ? method.localName : `${variant}${method.name.replace(/^List/, "")}`;
  return domain === undefined ? name : `${name}At${domain.charAt(0).toUpperCase()}${domain.slice(1)}`;
}

function isNamedTwice({ name }: AnyBinding["method"]): boolean {
  return [...publicServices.keys()].filter(({ methods }) => methods.some((method) => method.name === name)).length > 1;
}

function whom(role: RoleName): string {
  switch (role) {
    case "customer":
      return "customers (what is their own)";
    case "support":
      return "support";
    case "operator":
      return "operators";
    case "service":
      throw new Error("the gateway serves people only");
  }
}

function feedOperation(binding: AnyBinding, schemas: Schemas, comments: Comments): Schema {
  const answer = {
    description:
      "Server-sent events: the data of each is JSON, its id the cursor. `event: end` says that none will follow.",
    content: { "text/event-stream": { schema: { type: "string" } } },
  };
  const base = operation(binding, schemas, comments, answer);
  const lastEventId = {
    name: "Last-Event-ID",
    in: "header",
    description: "The id of the last event that was seen: the stream goes on after it. Browsers send it by themselves.",
    schema: { type: "string", pattern: "^[0-9]{1,18}$" },
  };
  return {
    ...base,
    parameters: [...(Array.isArray(base.parameters) ? base.parameters : []), lastEventId],
    responses: {
      ...(typeof base.responses === "object" ? base.responses : {}),
      "204": { description: "Nothing came after Last-Event-ID, and nothing will." },
    },
  };
}

function parametersOf(binding: AnyBinding, schemas: Schemas): Schema[] {
  const own = ownCustomer(binding);
  const inPath = binding.path.map(({ fields }) => parameter("path", fields, schemas));
  const documented = new Map([...binding.query.values()].map((parameter) => [parameter.name, parameter]));
  const inQuery = [...documented.values()].map(({ fields }) => parameter("query", fields, schemas, own));
  const key = {
    name: "Idempotency-Key",
    in: "header",
    required: true,
    description:
      "Made by the caller, new for each thing that is to be made, and the same when the request is repeated.",
    schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,128}$" },
  };
  const guestToken = {
    name: "Guest-Token",
    in: "header",
    description: "Opens the cart of a guest.",
    schema: { type: "string", maxLength: 64 },
  };
  return [
    ...inPath,
    ...inQuery,
    ...(binding.requestId === undefined ? [] : [key]),
    ...(binding.guestToken === undefined ? [] : [guestToken]),
    ...(isConditionalGet(binding) ? [ifNoneMatch] : []),
    ...(binding.etags.inRequest === undefined ? [] : [ifMatch]),
  ];
}

/** Returns true if the answer is a resource with an etag, which a caller may have already. */
function isConditionalGet(binding: AnyBinding): boolean {
  return binding.verb === "GET" && tagsAnswer(binding);
}

const entityTag = {
  description: "The version of this representation, for If-None-Match and If-Match.",
  schema: { type: "string" },
};

const ifNoneMatch = {
  name: "If-None-Match",
  in: "header",
  description: "The ETags of the representations that the caller has: the answer to one of them is 304.",
  schema: { type: "string", maxLength: 2_000 },
};

const ifMatch = {
  name: "If-Match",
  in: "header",
  description:
    "The ETag of an answer, or the quoted etag of the resource: the change is made only if that is still its version.",
  schema: { type: "string", maxLength: 2_000 },
};

/** Returns the field customer_id of a method that customers may call: theirs is filled in by their token. */
function ownCustomer({ method }: AnyBinding): DescField | undefined {
  const { roles, customerField } = accessRule(method);
  return roles.includes("customer") ? customerField : undefined;
}

function parameter(
  where: "path" | "query",
  fields: readonly DescField[],
  schemas: Schemas,
  optional?: DescField,
): Schema {
  const field = fields.at(-1);
  const { description, ...schema } = field === undefined ? {} : schemas.field(field, "request");
  const isNeeded = where === "path" || fields.every((part) => part !== optional && isRequired(part));
  return {
    name: where === "path" ? nameInPath(fields) : nameOf(fields),
    in: where,
    ...(isNeeded ? { required: true } : {}),
    ...(description === undefined ? {} : { description }),
    schema,
  };
}

function requestBody(binding: AnyBinding, schemas: Schemas): Schema {
  const { method, body, path, requestId } = binding;
  const elsewhere = new Set(
    [...path.map(({ fields }) => fields.at(-1)), requestId].filter((field) => field !== undefined),
  );
  const message = body === "*" || body === undefined ? method.input : body.message;
  const schema = message === undefined ? {} : schemas.object(message, "request", elsewhere, ownCustomer(binding));
  const isNeeded = Array.isArray(schema.required) && schema.required.length > 0;
  return { required: isNeeded, content: { "application/json": { schema } } };
}

function answerOf(output: DescMessage, schemas: Schemas): Schema {
  return { description: "Done.", content: { "application/json": { schema: schemas.refTo(output, "answer") } } };
}

function nameOf(fields: readonly DescField[]): string {
  return fields.map(({ jsonName }) => jsonName).join(".");
}

function webhookOperation(): Schema {
  const statuses = ["400", "401", "404", "413", "503"];
  return {
    operationId: "receiveWebhook",
    tags: ["Webhooks"],
    summary: "Take in what a provider has to say",
    description: "Answers once it is stored. What came before is acknowledged again, and has no further effect.",
    parameters: [
      { name: "provider", in: "path", required: true, schema: { type: "string", enum: ["card", "carrier"] } },
      {
        name: "sagacart-signature",
        in: "header",
        required: true,
        description: '`t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`',
        schema: { type: "string" },
      },
    ],
    requestBody: { required: true, content: { "application/json": { schema: {} } } },
    responses: {
      "200": { description: "It is stored.", content: { "application/json": { schema: { type: "object" } } } },
      ...Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/${status}` }])),
    },
  };
}

/** The files, and those they import. */
function filesOf(files: readonly DescFile[], seen = new Set<DescFile>()): Set<DescFile> {
  for (const file of files) {
    if (!seen.has(file)) {
      seen.add(file);
      filesOf(file.dependencies, seen);
    }
  }
  return seen;
}
