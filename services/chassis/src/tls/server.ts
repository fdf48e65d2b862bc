import type { TlsOptions as NodeTlsOptions, SecureContextOptions } from "node:tls";
import { ciphers } from "./ciphers.ts";
import type { Certificates, Tls } from "./files.ts";

/** Returns the options of a TLS server without client certificates. */
export function serverOptions(tls: Tls): SecureContextOptions & NodeTlsOptions {
  return {
    ...contextOf(tls.current),
    // The time limit for the handshake of a client that connects and sends nothing.
    handshakeTimeout: 10_000,
  };
}

/** Returns the options of a TLS server for other services: with client certificates of our CA, if they are required. */
export function peerServerOptions(tls: Tls): SecureContextOptions & NodeTlsOptions {
  return { ...serverOptions(tls), ...(tls.clientsMustShow ? { requestCert: true, rejectUnauthorized: true } : {}) };
}

/** Makes the server use renewed certificates for new connections; open ones go on. */
export function keepRenewed(server: { setSecureContext(options: SecureContextOptions): void }, tls: Tls): () => void {
  return tls.subscribe((certificates) => server.setSecureContext(contextOf(certificates)));
}

function contextOf({ own, ca }: Certificates): SecureContextOptions {
  if (own === undefined) {
    throw new Error("a server with TLS needs TLS_CERT_FILE and TLS_KEY_FILE");
  }
  return { ...own, ...(ca === undefined ? {} : { ca }), minVersion: "TLSv1.2", ciphers, honorCipherOrder: true };
}
