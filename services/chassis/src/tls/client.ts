import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { type ChannelCredentials, credentials, experimental } from "@grpc/grpc-js";
import type { Certificates, Tls } from "./files.ts";

/**
 * Returns the credentials of a channel: TLS with a CA, else none. The server's certificate must be of that CA and for one
 * of the names. New connections use the certificates of their time.
 */
export function channelCredentials(tls: Tls | undefined, names: readonly string[]): ChannelCredentials {
  if (tls?.current.ca === undefined) {
    return credentials.createInsecure();
  }
  const provider = providerOf(tls);
  return experimental.createCertificateProviderChannelCredentials(
    provider,
    tls.current.own === undefined ? null : provider,
    // gRPC checks one name only; if a service has several, each instance's certificate may be for one of them.
    names.length > 1 ? { checkServerIdentity: (_, certificate) => identify(names, certificate) } : {},
  );
}

function identify(names: readonly string[], certificate: PeerCertificate): Error | undefined {
  const wrong = names.map((name) => checkServerIdentity(name, certificate));
  return wrong.includes(undefined) ? undefined : wrong[0];
}

const providers = new WeakMap<Tls, experimental.CertificateProvider>();

/** One object per Tls: gRPC lets two channels share a connection if their credentials are the same object. */
function providerOf(tls: Tls): experimental.CertificateProvider {
  const known = providers.get(tls) ?? createProvider(tls);
  providers.set(tls, known);
  return known;
}

function createProvider(tls: Tls): experimental.CertificateProvider {
  const caListeners = new Set<experimental.CaCertificateUpdateListener>();
  const ownListeners = new Set<experimental.IdentityCertificateUpdateListener>();
  tls.subscribe((certificates) => {
    for (const listener of caListeners) {
      listener(caOf(certificates));
    }
    for (const listener of ownListeners) {
      listener(ownOf(certificates));
    }
  });
  return {
    addCaCertificateListener(listener) {
      caListeners.add(listener);
      process.nextTick(listener, caOf(tls.current));
    },
    addIdentityCertificateListener(listener) {
      ownListeners.add(listener);
      process.nextTick(listener, ownOf(tls.current));
    },
    // Listeners are never removed: a connection that gRPC drops and takes up again does not listen again (1.14), and would
    // use old certificates. There are as many listeners as channels.
    removeCaCertificateListener() {},
    removeIdentityCertificateListener() {},
  };
}

function caOf({ ca = "" }: Certificates): experimental.CaCertificateUpdate {
  return { caCertificate: Buffer.from(ca) };
}

function ownOf({ own }: Certificates): experimental.IdentityCertificateUpdate | null {
  return own === undefined ? null : { certificate: Buffer.from(own.cert), privateKey: Buffer.from(own.key) };
}
