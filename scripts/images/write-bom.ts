import { mkdir, writeFile } from "node:fs/promises";
import { output } from "../program.ts";
import type { Image } from "./images.ts";

/** Writes what the image has in /app/sbom.cdx.json also to dist/images, for scanners that look at no image. */
export async function writeBom({ name, workspace }: Image): Promise<void> {
  await mkdir("dist/images", { recursive: true });
  const bom = await output(process.execPath, ["scripts/images/sbom.ts", workspace]);
  await writeFile(`dist/images/${name}.cdx.json`, `${bom}\n`);
}
