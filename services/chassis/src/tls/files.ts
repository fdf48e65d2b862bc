import type { SecurityLog } from "../auth/security-log.ts";
import type { Log } from "../process/log.ts";
import { gauge, type Metrics } from "../process/metrics.ts";
import { useRecommendedCiphers } from "./ciphers.ts";
import type { TlsConfig } from "./env.ts";
import { readCertificates, readKey } from "./pem.ts";
import { trustInside } from "./trust.ts";

/** Our certificate with its key, and the CA of the other services, in PEM; each is undefined without a file. */
export type Certificates = {
  readonly own?: { readonly cert: string; readonly key: string };
  readonly ca?: string;
};

/** The certificates of this process, as last read from their files. */
export type Tls = Disposable & {
  readonly current: Certificates;
  /** True if servers require client certificates. */
  readonly clientsMustShow: boolean;
  /** Calls back after each change. Returns the function that ends it. */
  subscribe(listener: (certificates: Certificates) => void): () => void;
};

export type TlsOptions = {
  config: TlsConfig;
  log: Log;
  metrics?: Metrics;
  /** Records that renewed certificates cannot be used. */
  security?: Pick<SecurityLog, "controlFailed">;
  /** How often to read the files, in ms; by default 5,000. */
  intervalMs?: number;
};

/**
 * Reads the certificates, and reads them again when their files change: cert-manager renews them in place, and Kubernetes
 * swaps their folder. New ones are used once key and certificate match; until then the old ones stay in use. Requests to hosts
 * inside of the cluster trust the CA alone, see trust.ts. From then on, all connections use recommended cipher suites only.
 * Returns undefined without TLS. Throws for an invalid file.
 */
export function openTls({ config, log, metrics, security, intervalMs = 5_000 }: TlsOptions): Tls | undefined {
  useRecommendedCiphers();
  if (config.TLS_CERT_FILE === undefined && config.TLS_CA_FILE === undefined) {
    return undefined;
  }
  const listeners = new Set<(certificates: Certificates) => void>();
  let { endMs, ...current } = read(config);
  let lastProblem = "";
  trustInside(current.ca);

  function look(): void {
    try {
      const found = read(config);
      lastProblem = "";
      if (found.ca !== current.ca || found.own?.cert !== current.own?.cert || found.own?.key !== current.own?.key) {
        ({ endMs, ...current } = found);
        trustInside(current.ca);
        log.info({ ownEnds: new Date(endMs) }, "the certificates have changed");
        for (const listener of listeners) {
          listener(current);
        }
      }
    } catch (error) {
      // During a swap, the key and the certificate may not match: the next read finds both.
      const message = error instanceof Error ? error.message : String(error);
      // Each time, since the alert sees a failure that lasts: it is a line a minute.
      security?.controlFailed("certificates", error);
      if (message !== lastProblem) {
        log.warn({ error }, "the new certificates cannot be read; the previous ones stay in use");
      }
      lastProblem = message;
    }
  }

  const timer = setInterval(look, intervalMs);
  timer.unref();
  if (metrics !== undefined && current.own !== undefined) {
    const help = "When the certificate in use ends, in seconds since 1970.";
    gauge(metrics, "tls_certificate_end_timestamp_seconds", help, () => endMs / 1000);
  }
  return {
    get current() {
      return current;
    },
    clientsMustShow: config.TLS_CLIENT_AUTH === "require",
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      listeners.clear();
    },
  };
}

function read({ TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE }: TlsConfig): Certificates & { endMs: number } {
  const ca = TLS_CA_FILE === undefined ? {} : { ca: readCertificates(TLS_CA_FILE).pem };
  if (TLS_CERT_FILE === undefined || TLS_KEY_FILE === undefined) {
    return { ...ca, endMs: 0 };
  }
  const { pem: cert, first } = readCertificates(TLS_CERT_FILE);
  return { ...ca, own: { cert, key: readKey(TLS_KEY_FILE, first) }, endMs: first.validToDate.getTime() };
}
