import { readdirSync, readFileSync } from "node:fs";
import { create, type DescField, type DescMessage, type DescMethod, type DescService } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect, scalarZeroValue } from "@bufbuild/protobuf/reflect";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { accessRule } from "./access.ts";
import type { Principal } from "./principal.ts";
import { authError } from "./reasons.ts";
import { recordedEvents } from "./security-line.ts";
import { createSecurityLog, securityEventOf } from "./security-log.ts";

const root = new URL("../../../../", import.meta.url);

/** All methods of the shop's services. */
const methods = (await contract()).flatMap((service) => service.methods);

async function contract(): Promise<DescService[]> {
  const folder = new URL("proto/gen/sagacart/", root);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith("_pb.ts"));
  const modules: object[] = await Promise.all(files.map((file) => import(new URL(file, folder).href)));
  return modules.flatMap((module) => Object.values(module)).filter(isService);
}

function isService(value: unknown): value is DescService {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "service";
}

const nameOf = ({ parent, name }: DescMethod) => `${parent.name}/${name}`;
const writes = ({ idempotency }: DescMethod) => idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
const isForStaff = (method: DescMethod) =>
  accessRule(method).roles.some((role) => role === "operator" || role === "support");

/** Methods that write and that people may call, but are no security events, each with the reason. */
const ordinary: Readonly<Record<string, string>> = {
  "IdentityService/CreateAddress": "an address of a customer, who sees it",
  "IdentityService/UpdateAddress": "an address of a customer, who sees it",
  "IdentityService/DeleteAddress": "an address of a customer, who sees it",
  "IdentityService/RequestEmailConfirmation": "mails once more what was mailed",
  "IdentityService/ChallengePasskey": "asks for a proof, which is given to another method",
  "IdentityService/RenameFactor": "the name of a second factor, which its user sees",
};

/** Methods that customers call for themselves, and staff now and then. */
const customersOwn: readonly string[] = [
  ...["CreateCart", "GetDefaultCart", "UpdateCart", "ReplaceCartLines", "AddCartItem", "RemoveCartItem"],
  ...["DeleteCart", "DuplicateCart", "MergeCarts"],
].map((name) => `CartService/${name}`);
const ofMessages = ["InboxService/MarkRead", "InboxService/MarkAllRead", "InboxService/DeleteInboxMessage"];
const ofOrders = ["OrderService/Checkout", "OrderService/PayOrder"];
const ofContacts = ["NotifierService/PutContact", "PreferenceService/UpdatePreferences"];

test("every method that only staff may call, and that writes, is a security event", () => {
  const manual = methods.filter(
    (method) =>
      writes(method) &&
      isForStaff(method) &&
      !accessRule(method).roles.includes("customer") &&
      !accessRule(method).anyone,
  );

  expect(manual.map(nameOf)).toEqual(
    expect.arrayContaining([
      ...["StockService/AdjustStock", "StockService/SetStock", "IncidentService/ResolveIncident"],
      ...["PaymentService/SettleRefund", "ShippingService/DismissParkedWebhook", "IdentityService/SetRoles"],
    ]),
  );
  expect(manual.filter((method) => securityEventOf(method) === undefined).map(nameOf)).toEqual([]);
});

test("a method that customers and staff may call, and that writes, is one or is listed as their own", () => {
  const shared = methods.filter(
    (method) => writes(method) && isForStaff(method) && accessRule(method).roles.includes("customer"),
  );

  const unmarked = shared.filter((method) => securityEventOf(method) === undefined).map(nameOf);

  const listed = [...Object.keys(ordinary), ...customersOwn, ...ofMessages, ...ofOrders, ...ofContacts];
  expect(unmarked.toSorted()).toEqual(listed.toSorted());
});

test("every call by which somebody signs in, or proves who they are, is one, with the kind of proof", () => {
  const proofs = methods.filter((method) =>
    hasField(method.input, /^(?:current_)?password$|^refresh_token$|^token$/, method.input.name),
  );
  const marked = proofs.filter((method) => (securityEventOf(method)?.factor ?? "") !== "").map(nameOf);

  const others = [
    ...["Register", "RegisterByForeignRules", "SignOut"].map((name) => `IdentityService/${name}`),
    // Their token stops mails, and opens nothing.
    ...["PreferenceService/GetUnsubscription", "PreferenceService/Unsubscribe"],
  ];
  expect(proofs.map(nameOf)).toEqual(
    expect.arrayContaining(["IdentityService/SignIn", "IdentityService/RefreshToken"]),
  );
  expect(proofs.map(nameOf).filter((name) => !marked.includes(name) && !others.includes(name))).toEqual([]);
});

function hasField({ fields }: DescMessage, name: RegExp, message: string): boolean {
  return message.endsWith("Request") && fields.some((field) => field.fieldKind === "scalar" && name.test(field.name));
}

test("every method of accounts, money, webhooks and personal data that anyone may call and that writes is one", () => {
  const named = /^sagacart\.(?:identity|payment|privacy)\./;
  const open = methods.filter(
    (method) => named.test(method.parent.typeName) && writes(method) && accessRule(method).anyone,
  );
  expect(open.map(nameOf)).toContain("IdentityService/RefreshToken");
  // It takes what a provider signs, not what people send.
  const providers = ["PaymentService/ReceiveWebhook"];
  const unmarked = open.filter((method) => securityEventOf(method) === undefined).map(nameOf);
  expect(unmarked.filter((name) => !providers.includes(name))).toEqual([]);
});

test("the documentation lists every event, and no other", () => {
  const page = readFileSync(new URL("docs/security/security-log.md", root), "utf8");
  const listed = [...page.matchAll(/^\| `([a-z_]+\.[a-z_]+)` \|/gm)].map(([, name]) => name);
  const events = methods.flatMap((method) => {
    const { event, unfinished } = securityEventOf(method) ?? {};
    return [event ?? [], unfinished?.event ?? []].flat();
  });
  expect(listed.toSorted()).toEqual([...new Set([...events, ...recordedEvents])].toSorted());
});

test("an event by staff names them; a path to an id names a field of the request or the answer", () => {
  const wrong = methods.flatMap((method) => {
    const { id = "" } = securityEventOf(method) ?? {};
    return id === "" || hasPath(method.input, id) || hasPath(method.output, id) ? [] : [nameOf(method)];
  });
  expect(wrong).toEqual([]);
});

function hasPath(schema: DescMessage, path: string): boolean {
  const [name, ...rest] = path.split(".");
  const field = schema.fields.find((field) => field.name === name);
  if (rest.length === 0) {
    return field?.fieldKind === "scalar";
  }
  return field?.fieldKind === "message" && hasPath(field.message, rest.join("."));
}

const operator: Principal = {
  ...{ kind: "person", issuer: "https://issuer", subject: "op", serviceName: "", customerId: "op-1" },
  ...{ roles: new Set(["operator" as const]), email: "op@example.com", isEmailVerified: true },
};

const marked = methods.filter((method) => securityEventOf(method) !== undefined);

test.each(marked.map((method) => [nameOf(method), method] as const))(
  "%s: no text of a request, an answer or an error is in its line but the id",
  (_, method) => {
    const secrets: string[] = [];
    const lines: string[] = [];
    const log = createSecurityLog({ service: "s", destination: { write: (line) => lines.push(line) } });
    const { id = "" } = securityEventOf(method) ?? {};
    // As long and of the same letters as a token; and where an id belongs, a text that cannot be one.
    const secretAt = (path: string) => {
      const secret = `S3cret${secrets.length}${"x".repeat(36)}${path === id ? " of a person" : ""}`;
      secrets.push(secret);
      return secret;
    };
    const request = planted(method.input, secretAt);
    const answer = planted(method.output, secretAt);
    const error = authError("ROLE_REQUIRED", secretAt(""), { given: secretAt("") }, new Error(secretAt("")));

    log.called(method, operator, { request, answer });
    log.called(method, operator, { request, error });
    log.called(method, operator, { request, error: new Error(secretAt("")) });
    log.refused(method, operator, error);
    log.flush();

    expect(lines.map((line) => JSON.parse(line).outcome)).toEqual(["ok", "refused", "failed", "refused"]);
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.filter((secret) => lines.join("").includes(secret))).toEqual([]);
  },
);

/** Makes a message with a secret in each text and each list and map of texts, however deep. */
function planted(schema: DescMessage, secretAt: (path: string) => string): object {
  const message = reflect(schema, create(schema));
  plant(message, "", secretAt);
  return message.message;
}

function plant(message: ReflectMessage, at: string, secretAt: (path: string) => string): void {
  for (const field of message.fields) {
    const path = at === "" ? field.name : `${at}.${field.name}`;
    if (path.split(".").length > 4) {
      continue;
    }
    plantField(message, field, path, secretAt);
  }
}

function plantField(message: ReflectMessage, field: DescField, path: string, secretAt: (path: string) => string): void {
  switch (field.fieldKind) {
    case "scalar":
      if (isText(field.scalar)) {
        message.set(field, secretAt(path));
      }
      break;
    case "message": {
      const inner = reflect(field.message);
      plant(inner, path, secretAt);
      message.set(field, inner);
      break;
    }
    case "list":
      if (field.listKind === "scalar" && isText(field.scalar)) {
        message.get(field).add(secretAt(path));
      } else if (field.listKind === "message") {
        const inner = reflect(field.message);
        plant(inner, path, secretAt);
        message.get(field).add(inner);
      }
      break;
    case "map":
      if (field.mapKind === "scalar" && isText(field.scalar) && isText(field.mapKey)) {
        message.get(field).set(secretAt(path), secretAt(path));
      }
      break;
    default:
  }
}

function isText(scalar: number): boolean {
  return scalarZeroValue(scalar, false) === "";
}
