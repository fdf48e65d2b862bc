import "../../scripts/help.ts";
import { cloneFolder } from "../../scripts/clone.ts";
import { findProgram, helm, kubeconform } from "../../scripts/go-programs.ts";
import { ProgramError, run } from "../../scripts/program.ts";
import { gitopsFiles } from "./gitops-files.ts";
import { renderText, variants } from "./render.ts";
import { schemaFolder, schemaPath } from "./schemas.ts";

// npm run charts: lints the charts, and validates what they render with each profile against the schemas of Kubernetes and
// of the operators. Exits with 1 if a check fails.

const say = (line: string) => process.stdout.write(`${line}\n`);
const [helmProgram, kubeconformProgram, schemas] = await Promise.all([
  findProgram(helm),
  findProgram(kubeconform),
  schemaFolder(),
]);
let failures = 0;
for (const chart of ["charts/sagacart", "charts/service"]) {
  const values = chart === "charts/sagacart" ? ["--values", "k8s/profiles/ci.yaml"] : ["--set", "nameOverride=order"];
  const args = ["lint", chart, "--strict", "--quiet", "--kube-version", "1.34", ...values];
  await pass(`helm lint ${chart}`, () => run(helmProgram, args, { cwd: cloneFolder }));
}
for (const variant of variants) {
  await pass(`kubeconform ${variant.name}`, async () => conform(await renderText(variant)));
}
for (const { path, text } of gitopsFiles()) {
  await pass(`kubeconform ${path}`, () => conform(text));
}
say(`${failures} checks of the charts failed`);
process.exitCode = failures === 0 ? 0 : 1;

async function conform(input: string): Promise<string> {
  const args = ["-strict", "-summary", "-schema-location", `${schemas}/${schemaPath}`];
  return (await run(kubeconformProgram, args, { input })).trim();
}

async function pass(what: string, check: () => Promise<string>): Promise<void> {
  try {
    const said = await check();
    say(`ok    ${what}  ${said.split("\n").at(-1)}`);
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    failures += 1;
    say(`FAILS ${what}\n${error.message}`);
  }
}
