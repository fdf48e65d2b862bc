import { cp, mkdtemp, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cloneFolder } from "../../scripts/clone.ts";
import { run } from "../../scripts/program.ts";

/** Copies the working tree's files that git tracks into a new folder, links node_modules, and returns the folder. */
export async function copyOfClone(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sagacart-copy-"));
  const files = (await run("git", ["ls-files", "-z"], { cwd: cloneFolder })).split("\0").filter((file) => file !== "");
  for (const file of files) {
    const options = { verbatimSymlinks: true, preserveTimestamps: true };
    await cp(join(cloneFolder, file), join(folder, file), options).catch((error: NodeJS.ErrnoException) => {
      // Deleted in the working tree, but still in git's index.
      if (error.code !== "ENOENT") throw error;
    });
  }
  await symlink(join(cloneFolder, "node_modules"), join(folder, "node_modules"));
  return folder;
}
