import type { X509Certificate } from "node:crypto";
import { type Env, oneOf, type Parser } from "../process/config.ts";
import { readCertificates, readKey, trustedFile } from "./pem.ts";

/** The variables of TLS between services. Without any of them, connections are plain. */
export function tlsEnv() {
  return {
    /** The certificate, with its chain, of servers, and of clients if servers require one. */
    TLS_CERT_FILE: certificateFile,
    TLS_KEY_FILE: keyFile,
    /** The CA of the other services. With it, clients speak TLS only, to servers with a certificate of it. */
    TLS_CA_FILE: caFile,
    /** `require`: callers need a certificate of that CA. */
    TLS_CLIENT_AUTH: oneOf(["none", "require"], "none"),
  };
}

type Spec = ReturnType<typeof tlsEnv>;
export type TlsConfig = { readonly [K in keyof Spec]: ReturnType<Spec[K]> };

const certificateFile: Parser<string | undefined> = (value, env) => {
  if (value !== undefined) {
    readCertificates(value);
  } else if (isSet(env.TLS_KEY_FILE)) {
    throw new Error("is not set; it must be the certificate of TLS_KEY_FILE");
  } else if (env.TLS_CLIENT_AUTH === "require") {
    throw new Error("is not set; with TLS_CLIENT_AUTH=require, each service needs a certificate");
  }
  return value;
};

const keyFile: Parser<string | undefined> = (value, env) => {
  if (value !== undefined) {
    readKey(value, certificateOf(env));
  } else if (isSet(env.TLS_CERT_FILE)) {
    throw new Error("is not set; it must be the key of TLS_CERT_FILE");
  }
  return value;
};

const caFile: Parser<string | undefined> = (value, env) => {
  if (value === undefined && env.TLS_CLIENT_AUTH === "require") {
    throw new Error("is not set; with TLS_CLIENT_AUTH=require, it must be the CA of the callers");
  }
  return trustedFile(value);
};

/** A problem with the certificate is reported under its own variable. */
function certificateOf(env: Env): X509Certificate | undefined {
  try {
    return isSet(env.TLS_CERT_FILE) ? readCertificates(env.TLS_CERT_FILE).first : undefined;
  } catch {
    return undefined;
  }
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
