import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

// npm run build -w clients/typescript: writes dist/, which is what the package publishes.

const folder = import.meta.dirname;
rmSync(join(folder, "dist"), { recursive: true, force: true });
const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
execFileSync(process.execPath, [join(typescript, "bin/tsc"), "--project", "tsconfig.build.json"], {
  cwd: folder,
  stdio: "inherit",
});
