import { afterAll, expect, test } from "vitest";
import { ConfigError, readEnv } from "../process/config.ts";
import { createAuthority, createSecretFolder, secretOf } from "../testing/certificates.ts";
import { tlsEnv } from "./env.ts";

const authority = await createAuthority();
const secret = await secretOf(authority, "order");
const other = await authority.issue("order");
const folder = await createSecretFolder({ ...secret, "other.key": other.key, "empty.crt": "" });
afterAll(() => folder[Symbol.asyncDispose]());

const [cert, key, ca] = ["tls.crt", "tls.key", "ca.crt"].map(folder.path) as [string, string, string];

test.each([
  ["nothing", {}],
  ["a server", { TLS_CERT_FILE: cert, TLS_KEY_FILE: key }],
  ["a client", { TLS_CA_FILE: ca }],
  ["both, mutually", { TLS_CERT_FILE: cert, TLS_KEY_FILE: key, TLS_CA_FILE: ca, TLS_CLIENT_AUTH: "require" }],
])("%s may be configured", (_, env) => {
  expect(readEnv(tlsEnv(), env)).toMatchObject(env);
});

test.each([
  [{ TLS_CERT_FILE: cert }, ["TLS_KEY_FILE is not set; it must be the key of TLS_CERT_FILE"]],
  [{ TLS_KEY_FILE: key }, ["TLS_CERT_FILE is not set; it must be the certificate of TLS_KEY_FILE"]],
  [
    { TLS_CLIENT_AUTH: "require" },
    [
      "TLS_CERT_FILE is not set; with TLS_CLIENT_AUTH=require, each service needs a certificate",
      "TLS_CA_FILE is not set; with TLS_CLIENT_AUTH=require, it must be the CA of the callers",
    ],
  ],
  [{ TLS_CLIENT_AUTH: "maybe" }, ['TLS_CLIENT_AUTH must be one of none, require, got "maybe"']],
  [
    { TLS_CERT_FILE: cert, TLS_KEY_FILE: folder.path("other.key") },
    [`TLS_KEY_FILE names ${folder.path("other.key")}, which is not the key of the certificate`],
  ],
  [
    { TLS_CERT_FILE: cert, TLS_KEY_FILE: ca },
    [`TLS_KEY_FILE names ${ca}, which has no private key in PEM without a passphrase`],
  ],
  [
    { TLS_CERT_FILE: "/nowhere/tls.crt", TLS_KEY_FILE: key },
    ["TLS_CERT_FILE names a file that cannot be read: ENOENT: no such file or directory, open '/nowhere/tls.crt'"],
  ],
  [
    { TLS_CA_FILE: folder.path("empty.crt") },
    [`TLS_CA_FILE names ${folder.path("empty.crt")}, which has no certificate in PEM`],
  ],
])("%j is reported as invalid", (env, problems) => {
  expect(() => readEnv(tlsEnv(), env)).toThrow(new ConfigError(problems));
});
