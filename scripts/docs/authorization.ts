import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type DescField, type DescMessage, type DescMethod, type DescService, getOption } from "@bufbuild/protobuf";
import { access, RoleSchema, staff_only, updatable } from "@sagacart/proto/auth/v1/access";
import { cloneFolder } from "../clone.ts";

/** Returns docs/authorization.md: who may call each method, by the contract. A new or changed decision shows in its diff. */
export async function authorizationPage(): Promise<string> {
  const { services, messages } = await contract();
  return `${[
    "# Authorization",
    "",
    "Who may call each method, by the option `(sagacart.auth.v1.access)` of the contract. People are named by role; customers",
    "see and change their own data only. Programs are named one by one: a service refuses the token of any other, and the",
    "gateway refuses the tokens of all. Where several services have a method, the program is named with those where it may",
    "call it. People by an application of OpenID Connect need the scope that is named with them, and the scope `roles` for",
    "what customers may not. [At the end](#fields-that-only-staff-see) are the fields that only some may read or change.",
    "",
    "Generated from the contract by `npm run docs`.",
    "",
    ...services.flatMap(section),
    ...staffOnlySection(messages),
    ...updatesSection(services.flatMap(({ methods }) => methods)),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

function section({ typeName, methods }: DescService): string[] {
  const rows = methods.map((method) => {
    const { services, account } = getOption(method, access);
    const programs = services.map(({ name, at }) => (at.length === 0 ? name : `${name} (at ${at.join(", ")})`));
    const scope = account ? " (scope `account`)" : "";
    return `| ${method.name} | ${peopleOf(method).join(", ")}${scope} | ${programs.join(", ")} |`;
  });
  return [`## ${typeName}`, "", "| method | people | programs |", "| --- | --- | --- |", ...rows, ""];
}

function peopleOf(method: DescMethod): string[] {
  const { anyone, roles } = getOption(method, access);
  return anyone ? ["anyone"] : roles.map((role) => (RoleSchema.value[role]?.localName ?? "").toLowerCase());
}

function staffOnlySection(messages: readonly DescMessage[]): string[] {
  const rows = messages.flatMap(({ typeName, fields }) => {
    const hidden = fields.filter((field) => getOption(field, staff_only));
    return hidden.length === 0 ? [] : [`| ${typeName} | ${namesOf(hidden)} |`];
  });
  return [
    "## Fields that only staff see",
    "",
    "The option `(sagacart.auth.v1.staff_only)` marks them. Support, operators and programs see them; in the answers to",
    "customers and to callers without a token they are empty, over every protocol. All other fields of an answer are for",
    "everyone who may call its method.",
    "",
    "| message | fields |",
    "| --- | --- |",
    ...rows,
    "",
  ];
}

/**
 * Lists what updates change: with an update mask, the fields of the resource that the contract marks as updatable; without
 * one, the fields of the request.
 */
function updatesSection(methods: readonly DescMethod[]): string[] {
  const rows = methods
    .filter((method) => resourceOf(method) !== undefined || /^(?:Update|Put|Set|Replace)(?=[A-Z])/.test(method.name))
    .map((method) => {
      const resource = resourceOf(method);
      const fields =
        resource === undefined ? method.input.fields : resource.fields.filter((field) => getOption(field, updatable));
      const mask = resource === undefined ? "" : resource.typeName;
      return `| ${method.parent.name}.${method.name} | ${peopleOf(method).join(", ")} | ${mask} | ${namesOf(fields)} |`;
    });
  return [
    "## Fields that updates may change",
    "",
    "A method with an update mask changes the fields of its resource with the option `(sagacart.auth.v1.updatable)`, and",
    "refuses a mask that names another. Other methods change what their requests have. A field that the contract does not",
    "know is refused everywhere, and customers change their own resources only.",
    "",
    "| method | people | masked resource | fields |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ];
}

/** Returns the resource that a method with an update mask changes: the first message of its request. */
export function resourceOf({ input }: DescMethod): DescMessage | undefined {
  const isMask = ({ message }: DescField) => message?.typeName === "google.protobuf.FieldMask";
  return input.fields.some(isMask)
    ? input.fields.find((field) => field.fieldKind === "message" && !isMask(field))?.message
    : undefined;
}

function namesOf(fields: readonly DescField[]): string {
  return fields.map(({ name }) => `\`${name}\``).join(", ");
}

type Contract = { readonly services: readonly DescService[]; readonly messages: readonly DescMessage[] };

/** Returns the services and messages of the contract, by name, without the messages of other packages than ours. */
export async function contract(): Promise<Contract> {
  const folder = join(cloneFolder, "proto/gen/sagacart");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith("_pb.ts"));
  const modules: object[] = await Promise.all(files.map((file) => import(join(folder, file))));
  const all = modules.flatMap((module) => Object.values(module)).toSorted(byName);
  return { services: all.filter(isService), messages: all.filter(isMessage) };
}

function byName(one: unknown, other: unknown): number {
  const [name = "", otherName = ""] = [one, other].map((value) => (isDesc(value) ? value.typeName : ""));
  if (name === otherName) return 0;
  return name < otherName ? -1 : 1;
}

function isDesc(value: unknown): value is { readonly kind: string; readonly typeName: string } {
  return typeof value === "object" && value !== null && "kind" in value && "typeName" in value;
}

function isService(value: unknown): value is DescService {
  return isDesc(value) && value.kind === "service";
}

function isMessage(value: unknown): value is DescMessage {
  return isDesc(value) && value.kind === "message";
}
