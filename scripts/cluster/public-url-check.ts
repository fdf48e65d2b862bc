import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { checkServerIdentity, connect, type TLSSocket } from "node:tls";

export type PublicUrlOptions = {
  /** The days that the certificate must be valid for. */
  readonly leastDays: number;
  /** The port of plain HTTP. */
  readonly plainPort?: number;
  /** The CAs in place of the public ones. */
  readonly ca?: string;
  /** How long a connection may take. */
  readonly timeoutMs?: number;
};

/**
 * Looks at a public URL as a client from outside does: its certificate must be of a CA that clients trust, with its chain, for
 * this host, and valid for some time; and plain HTTP must be neither served nor redirected, so that a program that uses it
 * fails at once. Returns a sentence for each thing that is wrong.
 */
export async function checkPublicUrl(publicUrl: string, options: PublicUrlOptions): Promise<string[]> {
  const { hostname, port, host } = new URL(publicUrl);
  const { leastDays, plainPort = 80, ca, timeoutMs = 10_000 } = options;
  const name = hostname.replace(/^\[|\]$/g, "");
  const [secure, plain] = await Promise.all([
    lookAtCertificate({ name, port: Number(port || 443), leastDays, ca, timeoutMs }),
    lookAtPlain({ name, port: plainPort, host, timeoutMs }),
  ]);
  return [...secure, ...plain];
}

async function lookAtCertificate(options: {
  readonly name: string;
  readonly port: number;
  readonly leastDays: number;
  readonly ca: string | undefined;
  readonly timeoutMs: number;
}): Promise<string[]> {
  const { name, port, leastDays, ca, timeoutMs } = options;
  const socket: TLSSocket = connect({
    ...{ host: name, port, servername: name, timeout: timeoutMs, ALPNProtocols: ["h2", "http/1.1"] },
    ...(ca === undefined ? {} : { ca }),
    // The reason is asked for afterwards.
    rejectUnauthorized: false,
  });
  socket.once("timeout", () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  try {
    await once(socket, "secureConnect");
    const certificate = socket.getPeerCertificate();
    const wrong: string[] = [];
    if (!socket.authorized) {
      wrong.push(`the certificate of ${name} is not trusted: ${socket.authorizationError}`);
    }
    const identity = checkServerIdentity(name, certificate);
    if (identity !== undefined) {
      wrong.push(`the certificate is not for ${name}: ${identity.message}`);
    }
    const days = (Date.parse(certificate.valid_to) - Date.now()) / 86_400_000;
    if (!(days >= leastDays)) {
      wrong.push(`the certificate of ${name} ends ${certificate.valid_to}, in less than ${leastDays} days`);
    }
    return wrong;
  } catch (error) {
    return [`${name}:${port} speaks no TLS: ${messageOf(error)}`];
  } finally {
    socket.destroy();
  }
}

async function lookAtPlain(options: {
  readonly name: string;
  readonly port: number;
  readonly host: string;
  readonly timeoutMs: number;
}): Promise<string[]> {
  const { name, port, host, timeoutMs } = options;
  const sent: ClientRequest = request({ host: name, port, path: "/v1/products", headers: { host }, agent: false });
  // An answer that does not come is a refusal, too.
  sent.setTimeout(timeoutMs, () => sent.destroy(new Error("no answer")));
  sent.end();
  try {
    const [answer]: IncomingMessage[] = await once(sent, "response");
    const { statusCode: status = 0, headers } = answer ?? { headers: {} };
    answer?.resume();
    if (status >= 300 && status < 400) {
      return [
        `http://${name}:${port} is redirected to ${headers.location}: a program that sends its token in the clear would go on unnoticed. Close the port, or have the proxy pass the request on, which the gateway refuses`,
      ];
    }
    return status < 300 ? [`http://${name}:${port} is served in plain text`] : [];
  } catch {
    // Closed, as it should be.
    return [];
  } finally {
    sent.destroy();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
