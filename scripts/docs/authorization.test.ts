import { globSync } from "node:fs";
import { getOption } from "@bufbuild/protobuf";
import { updatable } from "@sagacart/proto/auth/v1/access";
import { expect, test } from "vitest";
import { cloneFolder } from "../clone.ts";
import { authorizationPage, contract, resourceOf } from "./authorization.ts";
import { read } from "./source.ts";

const protos = globSync("proto/sagacart/**/*.proto", { cwd: cloneFolder }).map(read).join("\n");

/** Returns the names of the fields with an option, from the text of the contract. */
function fieldsWith(option: string): string[] {
  const fields = protos.matchAll(/^ +[\w.]+(?: [\w.]+)? (\w+) = \d+(?: \[[\s\S]*?\])?;$/gm);
  return [...fields].flatMap(([text, name = ""]) =>
    text.includes(`(sagacart.auth.v1.${option}) = true`) ? [name] : [],
  );
}

/** Returns the names in the last column of a section's table. */
function listed(page: string, heading: string): string[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return section
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .flatMap((line) => [...(line.split("|").at(-2) ?? "").matchAll(/`(\w+)`/g)].map(([, name = ""]) => name));
}

test("docs/authorization.md lists every field that only staff see", async () => {
  const names = listed(await authorizationPage(), "Fields that only staff see");
  expect(names.length).toBeGreaterThan(10);
  expect(names.toSorted()).toEqual(fieldsWith("staff_only").toSorted());
});

test("docs/authorization.md lists every field that updates may change", async () => {
  const names = listed(await authorizationPage(), "Fields that updates may change");
  const marked = fieldsWith("updatable");
  expect(marked.length).toBeGreaterThan(10);
  expect(marked.filter((name) => !names.includes(name))).toEqual([]);
});

test("the resource of each method with an update mask has updatable fields, and no other message has", async () => {
  const { services, messages } = await contract();
  const resources = services.flatMap(({ methods }) => methods).flatMap((method) => resourceOf(method) ?? []);
  const marked = messages.filter(({ fields }) => fields.some((field) => getOption(field, updatable)));
  expect(resources.length).toBeGreaterThan(3);
  expect(marked.map(({ typeName }) => typeName).toSorted()).toEqual(
    [...new Set(resources.map(({ typeName }) => typeName))].toSorted(),
  );
  const masks = protos.match(/^ +google\.protobuf\.FieldMask \w+ = /gm) ?? [];
  expect(resources.length).toBe(masks.length);
});
