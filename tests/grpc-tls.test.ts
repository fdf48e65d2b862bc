import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createAuthority, createSecretFolder, secretOf } from "@sagacart/chassis/testing/certificates";
import { silentLog } from "@sagacart/chassis/testing/log";
import { startEcho } from "@sagacart/chassis/testing/test-server";
import { openTls } from "@sagacart/chassis/tls/files";
import { expect, test } from "vitest";
import { findGrpcurl } from "./support/grpcurl.ts";

const run = promisify(execFile);

test("grpcurl lists services and checks their health over TLS, with a client certificate where one is required", async () => {
  const grpcurl = await findGrpcurl();
  const authority = await createAuthority();
  await using files = await createSecretFolder(await secretOf(authority, "sagacart-echo"));
  const [cert, key, ca] = ["tls.crt", "tls.key", "ca.crt"].map(files.path) as [string, string, string];
  const config = { TLS_CERT_FILE: cert, TLS_KEY_FILE: key, TLS_CA_FILE: ca, TLS_CLIENT_AUTH: "require" as const };
  using tls = openTls({ config, log: silentLog });
  await using echo = await startEcho({}, { tls });
  await echo.serving();
  // Through a port-forward, the host name differs from the certificate's.
  const asAClient = ["-cacert", ca, "-authority", "sagacart-echo"];
  const ask = (...args: string[]) => run(grpcurl, args).then(({ stdout }) => stdout, String);

  expect(await ask(...asAClient, "-cert", cert, "-key", key, echo.address, "list")).toContain("grpc.health.v1.Health");
  expect(await ask(...asAClient, "-cert", cert, "-key", key, echo.address, "grpc.health.v1.Health/Check")).toContain(
    "SERVING",
  );
  expect(await ask(...asAClient, "-max-time", "5", echo.address, "list")).toContain("Error");
  expect(await ask("-plaintext", "-max-time", "5", echo.address, "list")).toContain("Error");
});
