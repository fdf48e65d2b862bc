import { getCACertificates, setDefaultCACertificates } from "node:tls";

const before = { taken: undefined as readonly string[] | undefined };

/**
 * Makes TLS clients in this process without a CA of their own, such as `fetch`, trust this CA in addition to the default
 * ones. Replaces the CA of an earlier call. NODE_EXTRA_CA_CERTS does the same, but reads its file once.
 */
export function trustToo(ca: string | undefined): void {
  if (ca !== undefined) {
    before.taken ??= getCACertificates("default");
    setDefaultCACertificates([...before.taken, ca]);
  }
}
