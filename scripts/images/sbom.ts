import { execFileSync } from "node:child_process";

// node scripts/images/sbom.ts <workspace>, where package-lock.json is: writes a CycloneDX list of the packages that the
// workspace runs with. npm's own has the time and a random number in it; this one is the same for the same lock file.

const workspace = process.argv[2];
if (workspace === undefined) {
  process.stderr.write("usage: node scripts/images/sbom.ts <workspace, such as services/order>\n");
  process.exit(1);
}
const text = execFileSync(
  "npm",
  ["sbom", "--package-lock-only", "--omit=dev", "--sbom-format=cyclonedx", `--workspace=${workspace}`],
  { encoding: "utf8", maxBuffer: 64 * 1024 * 1024, stdio: ["ignore", "pipe", "ignore"] },
);
const { serialNumber: _random, metadata, ...rest } = JSON.parse(text);
const { timestamp: _now, component, ...about } = metadata;
const bom = { ...rest, metadata: { ...about, component: { ...component, name: `sagacart/${workspace}` } } };
process.stdout.write(`${JSON.stringify(bom, undefined, 1)}\n`);
