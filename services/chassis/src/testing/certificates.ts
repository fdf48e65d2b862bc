import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";

export type Pair = { readonly cert: string; readonly key: string };

/** A CA for tests. */
export type Authority = {
  readonly cert: string;
  /** Issues a certificate for these names, for servers and clients. */
  issue(...names: string[]): Promise<Pair>;
};

export async function createAuthority(keyType: "ec" | "rsa" = "ec"): Promise<Authority> {
  const { cert, private: key } = await generate([{ name: "commonName", value: "test ca" }], {
    keyType,
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return {
    cert,
    async issue(...names) {
      const issued = await generate([{ name: "commonName", value: names[0] ?? "nobody" }], {
        keyType,
        algorithm: "sha256",
        ca: { key, cert },
        extensions: [
          { name: "basicConstraints", cA: false },
          { name: "keyUsage", digitalSignature: true },
          { name: "extKeyUsage", serverAuth: true, clientAuth: true },
          { name: "subjectAltName", altNames: names.map((value) => ({ type: 2, value })) },
        ],
      });
      return { cert: issued.cert, key: issued.private };
    },
  };
}

/** A folder whose files are all swapped at once, as in a mounted Secret of Kubernetes. */
export type SecretFolder = AsyncDisposable & {
  path(name: string): string;
  write(files: Readonly<Record<string, string>>): Promise<void>;
};

export async function createSecretFolder(files: Readonly<Record<string, string>>): Promise<SecretFolder> {
  const folder = await mkdtemp(join(tmpdir(), "secret-"));
  let generation = 0;
  const linked = new Set<string>();

  async function write(files: Readonly<Record<string, string>>): Promise<void> {
    generation++;
    const now = `..${generation}`;
    await mkdir(join(folder, now));
    await Promise.all(Object.entries(files).map(([name, content]) => writeFile(join(folder, now, name), content)));
    await symlink(now, join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
    for (const name of Object.keys(files)) {
      if (!linked.has(name)) {
        linked.add(name);
        await symlink(join("..data", name), join(folder, name));
      }
    }
  }

  await write(files);
  return {
    path: (name) => join(folder, name),
    write,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

/** Returns the files of a certificate of this CA for these names, as cert-manager writes them. */
export async function secretOf(authority: Authority, ...names: string[]): Promise<Record<string, string>> {
  const { cert, key } = await authority.issue(...names);
  return { "tls.crt": cert, "tls.key": key, "ca.crt": authority.cert };
}
