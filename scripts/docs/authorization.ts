import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type DescService, getOption } from "@bufbuild/protobuf";
import { access, RoleSchema } from "@sagacart/proto/auth/v1/access";
import { cloneFolder } from "../clone.ts";

/** Returns docs/authorization.md: who may call each method, by the contract. A new or changed decision shows in its diff. */
export async function authorizationPage(): Promise<string> {
  const services = await servicesOfContract();
  return `${[
    "# Authorization",
    "",
    "Who may call each method, by the option `(sagacart.auth.v1.access)` of the contract. People are named by role; customers",
    "see and change their own data only. Programs are named one by one: a service refuses the token of any other, and the",
    "gateway refuses the tokens of all. Where several services have a method, the program is named with those where it may",
    "call it.",
    "",
    "Generated from the contract by `npm run docs`.",
    "",
    ...services.flatMap(section),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

function section({ typeName, methods }: DescService): string[] {
  const rows = methods.map((method) => {
    const { anyone, roles, services } = getOption(method, access);
    const people = anyone ? ["anyone"] : roles.map((role) => (RoleSchema.value[role]?.localName ?? "").toLowerCase());
    const programs = services.map(({ name, at }) => (at.length === 0 ? name : `${name} (at ${at.join(", ")})`));
    return `| ${method.name} | ${people.join(", ")} | ${programs.join(", ")} |`;
  });
  return [`## ${typeName}`, "", "| method | people | programs |", "| --- | --- | --- |", ...rows, ""];
}

async function servicesOfContract(): Promise<DescService[]> {
  const folder = join(cloneFolder, "proto/gen/sagacart");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith("_service_pb.ts"),
  );
  const modules: object[] = await Promise.all(files.map((file) => import(join(folder, file))));
  return modules
    .flatMap((module) => Object.values(module))
    .filter(isService)
    .toSorted((one, other) => (one.typeName < other.typeName ? -1 : 1));
}

function isService(value: unknown): value is DescService {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "service";
}
