import { access, constants, mkdtemp, readdir, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Makes a folder for the databases of one run of tests, in memory if this machine has room there: a test file creates and
 * empties hundreds of tables, and what a disk's file system does for that took a third of the CPU time. The caller deletes the
 * folder; what a killed run has left is deleted here.
 */
export async function temporaryFolder(): Promise<string> {
  const parent = (await hasRoom(memory)) ? memory : tmpdir();
  await deleteLeft(parent);
  return await mkdtemp(join(parent, `${prefix}${process.pid}-`));
}

/** Linux's file system in memory; containers often have only 64 MB there. */
const memory = "/dev/shm";
const neededBytes = 4 * 2 ** 30;
const prefix = "sagacart-test-";

async function hasRoom(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK);
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize >= neededBytes;
  } catch {
    return false;
  }
}

async function deleteLeft(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) {
      // Another user's, or being deleted by another run at this moment.
      await rm(join(parent, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
