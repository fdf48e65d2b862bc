import type { TlsOptions as NodeTlsOptions, SecureContextOptions } from "node:tls";
import type { Certificates, Tls } from "./files.ts";

/** What a server of node's is made with to serve TLS to anybody. */
export function serverOptions(tls: Tls): SecureContextOptions & NodeTlsOptions {
  return {
    ...contextOf(tls.current),
    // Who connects and does not begin to speak TLS keeps a socket for no longer.
    handshakeTimeout: 10_000,
  };
}

/** The same, for a server that is not for anybody: where it is so, who calls must show a certificate of our CA. */
export function peerServerOptions(tls: Tls): SecureContextOptions & NodeTlsOptions {
  return { ...serverOptions(tls), ...(tls.clientsMustShow ? { requestCert: true, rejectUnauthorized: true } : {}) };
}

/** Has the server take renewed certificates for the connections that come; those that are there go on. */
export function keepRenewed(server: { setSecureContext(options: SecureContextOptions): void }, tls: Tls): () => void {
  return tls.subscribe((certificates) => server.setSecureContext(contextOf(certificates)));
}

function contextOf({ own, ca }: Certificates): SecureContextOptions {
  if (own === undefined) {
    throw new Error("a server with TLS needs TLS_CERT_FILE and TLS_KEY_FILE");
  }
  return { ...own, ...(ca === undefined ? {} : { ca }), minVersion: "TLSv1.2" };
}
