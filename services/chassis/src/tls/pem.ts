import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

/** Reads the certificates of a PEM file, at least one. Throws an error whose message follows a variable's name. */
export function readCertificates(file: string): { pem: string; first: X509Certificate } {
  const pem = read(file);
  const [first] = (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (block) => new X509Certificate(block),
  );
  if (first === undefined) {
    throw new Error(`names ${file}, which has no certificate in PEM`);
  }
  return { pem, first };
}

/** Parses an optional variable with a file of trusted certificates. */
export function trustedFile(value: string | undefined): string | undefined {
  if (value !== undefined) {
    readCertificates(value);
  }
  return value;
}

/** Reads the private key of a PEM file, and checks that it is the certificate's. Throws like readCertificates. */
export function readKey(file: string, certificate: X509Certificate | undefined): string {
  const pem = read(file);
  if (certificate !== undefined && !certificate.checkPrivateKey(parseKey(pem, file))) {
    throw new Error(`names ${file}, which is not the key of the certificate`);
  }
  return pem;
}

function parseKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error(`names ${file}, which has no private key in PEM without a passphrase`, { cause: error });
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`names a file that cannot be read: ${why}`, { cause: error });
  }
}
