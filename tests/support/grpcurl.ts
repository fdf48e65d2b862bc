import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Returns the path of grpcurl: from the PATH, from the cache, or built into the cache with Go (once). */
export async function findGrpcurl(): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "sagacart");
  const places = [...(process.env.PATH ?? "").split(delimiter), cache].map((folder) => join(folder, "grpcurl"));
  for (const place of places) {
    if (await exists(place)) {
      return place;
    }
  }
  process.stdout.write("building grpcurl with Go (once)\n");
  await run("go", ["install", "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3"], {
    env: { ...process.env, GOBIN: cache, GOFLAGS: "-modcacherw" },
  });
  return join(cache, "grpcurl");
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
