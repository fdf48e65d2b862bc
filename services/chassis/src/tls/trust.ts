import { getCACertificates, setDefaultCACertificates } from "node:tls";

const before = { taken: undefined as readonly string[] | undefined };

/**
 * Makes everything in this process that has no CA of its own, such as `fetch`, trust this one beside those that it
 * trusts anyway; it takes the place of the one of before. NODE_EXTRA_CA_CERTS does the same, but reads its file once.
 */
export function trustToo(ca: string | undefined): void {
  if (ca !== undefined) {
    before.taken ??= getCACertificates("default");
    setDefaultCACertificates([...before.taken, ca]);
  }
}
