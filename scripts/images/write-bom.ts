import { mkdir, writeFile } from "node:fs/promises";
import { output } from "../program.ts";
import type { Image } from "./images.ts";

/** Writes the SBOM that the image has in /app/sbom.cdx.json to dist/images, for scanners that do not read images. */
export async function writeBom({ name, workspace }: Image): Promise<void> {
  await mkdir("dist/images", { recursive: true });
  const bom = await output(process.execPath, ["scripts/images/sbom.ts", workspace]);
  await writeFile(`dist/images/${name}.cdx.json`, `${bom}\n`);
}
