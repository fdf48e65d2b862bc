import { globSync } from "node:fs";
import { basename, join } from "node:path";
import type { DescFile } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

const folder = join(import.meta.dirname, "gen/sagacart");
const files = globSync("**/*_pb.ts", { cwd: folder }).sort();

test.each(files)("%s names the packages of its Go and Java code", async (file) => {
  const exported: Record<string, unknown> = await import(join(folder, file));
  const [, description] = Object.entries(exported).find(([name]) => name.startsWith("file_")) ?? [];
  const { options, package: name } = (description as DescFile).proto;
  const [, domain = ""] = name.split(".");
  const outer = basename(file, "_pb.ts").replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  expect(options).toMatchObject({
    goPackage: `github.com/sagacart/sagacart/clients/go/gen/sagacart/${domain}/v1;${domain}v1`,
    javaPackage: `dev.sagacart.${domain}.v1`,
    javaMultipleFiles: true,
    javaOuterClassname: `${outer}Proto`,
  });
});
