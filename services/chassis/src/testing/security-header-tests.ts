import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, test } from "vitest";

/** A listener under test. With a CA, it is asked over TLS. */
export type HeaderTarget = { readonly port: number; readonly ca?: string };

/** A text that is sent, and the status of the answer. */
export type HeaderCase = readonly [what: string, text: string, status: number];

/** Requests that a listener of HTTP/1.1 answers before any handler, or whatever its routes are. */
const anyListener: readonly HeaderCase[] = [
  ["what is not HTTP", "HELO mail.example\r\n\r\n", 400],
  ["a handshake of TLS in plain text", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400],
  ["a request without Host", "GET / HTTP/1.1\r\n\r\n", 400],
  ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1, 2\r\n\r\n", 400],
  ["a length that is no number", "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: many\r\n\r\n", 400],
  [
    "a length and chunks",
    "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    400,
  ],
  ["a bad chunk", "POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400],
  ["a method that there is not", "BREW / HTTP/1.1\r\nHost: here\r\n\r\n", 400],
  ["headers that are too large", `GET / HTTP/1.1\r\nHost: here\r\nX-Long: ${"x".repeat(17 * 1024)}\r\n\r\n`, 431],
  ["a path that is too long", `GET /${"x".repeat(17 * 1024)} HTTP/1.1\r\nHost: here\r\n\r\n`, 431],
  ["an expectation that is not met", get("/", "Expect: tea\r\n"), 417],
];

/**
 * Tests that each answer has the security headers: to what any listener gets, and to these cases of its own. A case whose
 * status is 0 may have any.
 */
export function securityHeaderTests(start: () => HeaderTarget, cases: readonly HeaderCase[]): void {
  test.each([...anyListener, ...cases])("the answer to %s has all security headers", async (_what, text, status) => {
    const answer = await ask(start(), text);

    expect(status === 0 ? 0 : answer.status).toBe(status);
    expectSecurityHeaders(answer.headers);
  });
}

/** Checks what OWASP ASVS asks of an answer's headers in V3.4. */
export function expectSecurityHeaders(headers: ReadonlyMap<string, string>): void {
  const seconds = Number(/max-age=(\d+)/.exec(headers.get("strict-transport-security") ?? "")?.[1]);
  expect(seconds).toBeGreaterThanOrEqual(365 * 24 * 60 * 60);
  expect(headers.get("strict-transport-security")).toMatch(/; *includeSubDomains/);
  const policy = (headers.get("content-security-policy") ?? "").split(/; */);
  expect(policy).toEqual(expect.arrayContaining(["object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]));
  // A second policy of the same name would not replace the first, but be joined to it.
  expect(headers.get("content-security-policy")).not.toContain(",");
  expect(policy.find((directive) => directive.startsWith("default-src"))).toMatch(/^default-src '(?:none|self)'$/);
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("x-frame-options")).toBe("DENY");
  expect(headers.get("referrer-policy")).toMatch(/^(?:no-referrer|same-origin)$/);
}

/** Returns a request that asks for the connection's end. */
export function get(path: string, headers = "", method = "GET", body = ""): string {
  return `${method} ${path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n${headers}\r\n${body}`;
}

/** Sends bytes, and reads the head of the answer. Headers of the same name are joined with a comma. */
async function ask(
  { port, ca }: HeaderTarget,
  text: string,
): Promise<{ status: number; headers: ReadonlyMap<string, string> }> {
  const socket =
    ca === undefined
      ? connect(port, "127.0.0.1")
      : connectTls({ port, host: "127.0.0.1", servername: "localhost", ca, ALPNProtocols: ["http/1.1"] });
  socket.on("error", () => {});
  socket.write(text, "latin1");
  let said = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    said += chunk;
    if (said.includes("\r\n\r\n")) {
      socket.destroy();
    }
  });
  await once(socket, "close");
  const [first = "", ...lines] = (said.split("\r\n\r\n", 1)[0] ?? "").split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [name = "", value = ""] = line.split(/: *(.*)/s, 2);
    const before = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`);
  }
  return { status: Number(first.split(" ")[1]), headers };
}
