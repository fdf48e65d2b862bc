import { execFile } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { read } from "../docs/source.ts";
import { daysBySeverity, dueIn, type Report } from "./vulnerabilities.ts";

const image = "registry.example/sagacart/order:1.0.0";
const now = new Date("2030-03-01T12:00:00Z");
const one = {
  VulnerabilityID: "CVE-2030-1",
  PkgName: "pg",
  InstalledVersion: "8.0.0",
  FixedVersion: "8.0.1",
  Severity: "HIGH",
  PublishedDate: "2030-02-20T08:00:00Z",
};
const reportOf = (changes: object): Report => ({
  ArtifactName: image,
  Results: [{ Vulnerabilities: [{ ...one, ...changes }] }, { Vulnerabilities: null }, {}],
});

test.each([
  ["a critical one on its last day", { Severity: "CRITICAL", PublishedDate: "2030-02-26T23:00:00Z" }, false],
  ["a critical one a day later", { Severity: "CRITICAL", PublishedDate: "2030-02-25T23:00:00Z" }, true],
  ["a high one in time", {}, false],
  ["a high one after two weeks", { PublishedDate: "2030-02-10T00:00:00Z" }, true],
  ["a medium one in time", { Severity: "MEDIUM", PublishedDate: "2030-02-10T00:00:00Z" }, false],
  ["a medium one after a month", { Severity: "MEDIUM", PublishedDate: "2030-01-10T00:00:00Z" }, true],
  ["a low one in time", { Severity: "LOW", PublishedDate: "2030-01-10T00:00:00Z" }, false],
  ["a low one after a quarter", { Severity: "LOW", PublishedDate: "2029-11-01T00:00:00Z" }, true],
  ["one without a severity", { Severity: undefined }, true],
  ["one of an unknown severity", { Severity: "UNKNOWN" }, true],
  ["one without a date", { PublishedDate: undefined }, true],
  ["one with an invalid date", { PublishedDate: "soon" }, true],
])("a vulnerability is overdue by its severity and age: %s", (_, changes, isOverdue) => {
  expect(dueIn(reportOf(changes), now)).toMatchObject([{ id: "CVE-2030-1", image, isOverdue }]);
});

test("a vulnerability without a fix is not due", () => {
  expect(dueIn(reportOf({ FixedVersion: undefined }), now)).toEqual([]);
  expect(dueIn(reportOf({ FixedVersion: "" }), now)).toEqual([]);
});

test.each([[{}], [{ ArtifactName: image }], [{ Results: [] }]])("%j is not taken for a clean report", (report) => {
  expect(() => dueIn(report, now)).toThrow("this is not a report of Trivy about an image");
});

test("the program names what is overdue, and fails", async () => {
  const folder = await mkdtemp(join(tmpdir(), "overdue-"));
  const [old, clean] = [join(folder, "old.json"), join(folder, "clean.json")];
  await writeFile(old, JSON.stringify(reportOf({ PublishedDate: "2020-01-01T00:00:00Z" })));
  await writeFile(clean, JSON.stringify({ ArtifactName: image, Results: [{}] }));

  expect(await run(clean)).toEqual({ code: 0, said: "0 vulnerabilities have a fix, 0 are overdue\n" });
  expect(await run(clean, old)).toEqual({
    code: 1,
    said: `HIGH  CVE-2030-1  pg 8.0.0 in ${image}, fixed in 8.0.1: OVERDUE since 2020-01-15\n1 vulnerabilities have a fix, 1 are overdue\n`,
  });
  expect(await run()).toEqual({ code: 2, said: "" });
});

async function run(...files: string[]): Promise<{ code: number; said: string }> {
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, ["scripts/images/overdue.ts", ...files], (_error, said) =>
      resolve({ code: child.exitCode ?? -1, said }),
    );
  });
}

test("docs/security/components.md has these time frames", () => {
  const rows = [...read("docs/security/components.md").matchAll(/^\| ([A-Z]+) \| (\d+) \|$/gm)];
  expect(Object.fromEntries(rows.map(([, severity = "", days]) => [severity, Number(days)]))).toEqual(daysBySeverity);
});
