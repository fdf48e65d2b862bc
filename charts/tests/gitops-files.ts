import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cloneFolder } from "../../scripts/clone.ts";

/** Returns the YAML files of k8s/gitops, or of a folder in it, with an example for each `<placeholder>`. */
export function gitopsFiles(folder = ""): readonly { readonly path: string; readonly text: string }[] {
  const root = join("k8s/gitops", folder);
  return readdirSync(join(cloneFolder, root), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".yaml"))
    .toSorted()
    .map((file) => join(root, file))
    .map((path) => ({
      path,
      text: readFileSync(join(cloneFolder, path), "utf8").replaceAll(/<[^<>\n]+>/g, "example"),
    }));
}
