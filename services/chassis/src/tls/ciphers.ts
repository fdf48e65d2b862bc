import tls from "node:tls";

/**
 * The cipher suites of all TLS connections, the strongest first: authenticated encryption with forward secrecy, as the
 * "intermediate" profile of Mozilla and RFC 9325 recommend. Node's own list also has suites with CBC, with SHA-1, and with
 * keys that the certificate's key would reveal.
 */
export const cipherSuites = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
] as const;

/** The suites as Node and OpenSSL take them. */
export const ciphers = cipherSuites.join(":");

/** Makes these suites the default of this process, for all that opens a connection: requests, databases, mail servers. */
export function useRecommendedCiphers(): void {
  tls.DEFAULT_CIPHERS = ciphers;
}
