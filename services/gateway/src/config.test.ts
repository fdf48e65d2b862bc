import { ConfigError } from "@sagacart/chassis/process/config";
import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

test("without any variables, writes and sign-ins are limited, there are no surfaces and no proxy is believed", () => {
  expect(readConfig({ AUTH: "off" })).toMatchObject({
    SURFACES_URL: undefined,
    CORS_ORIGINS: [],
    WRITES_PER_MINUTE: 600,
    SIGN_INS_PER_MINUTE: 60,
    BODY_LIMIT_BYTES: 1024 * 1024,
    ANONYMOUS_BODY_LIMIT_BYTES: 64 * 1024,
    MAX_CONNECTIONS: 4_000,
    MAX_CONNECTIONS_PER_ADDRESS: 100,
    MAX_STREAMS_PER_CONNECTION: 100,
    REQUESTS_PER_CALLER: 64,
    STREAMS_PER_CALLER: 20,
    BODY_BYTES_PER_CALLER: 8 * 1024 * 1024,
    BODY_BYTES_AT_A_TIME: 32 * 1024 * 1024,
    SHOW_METRICS: true,
    SHOW_DOCS: true,
    TRUSTED_PROXIES: [],
    IDENTITY_ADDRESS: "127.0.0.1:8086",
    IDENTITY_HTTP_URL: "http://127.0.0.1:8096",
  });
});

test("traces are read on this machine, and shown wherever the template says", () => {
  const template = "https://grafana.example/explore?left=%7B%22query%22:%22{traceId}%22%7D";
  expect(readConfig({ AUTH: "off", TRACES_URL: "http://127.0.0.1:4318/", TRACE_UI_URL: template })).toMatchObject({
    TRACES_URL: "http://127.0.0.1:4318",
    TRACE_UI_URL: template,
  });
});

test.each([
  ["PICTURE_ORIGINS", "https://images.example:443", ["https://images.example"]],
  ["PICTURE_ORIGINS", "HTTPS://Images.Example/, https://images.example", ["https://images.example"]],
  [
    "PICTURE_ORIGINS",
    "https://bücher.example, https://cdn.example:8443",
    ["https://xn--bcher-kva.example", "https://cdn.example:8443"],
  ],
  ["CORS_ORIGINS", "https://shop.example:443,http://shop.example:80", ["https://shop.example", "http://shop.example"]],
  [
    "CORS_ORIGINS",
    "http://LOCALHOST:3000,http://[::1]:3000,http://shop.example:443",
    ["http://localhost:3000", "http://[::1]:3000", "http://shop.example:443"],
  ],
  ["CORS_ORIGINS", "*", ["*"]],
] as const)("%s=%s are origins as browsers write them", (name, value, expected) => {
  expect(readConfig({ AUTH: "off", [name]: value })[name]).toEqual(expected);
});

test("proxies are believed by address and by network", () => {
  const { TRUSTED_PROXIES } = readConfig({ AUTH: "off", TRUSTED_PROXIES: "10.0.0.0/8,192.0.2.1,fd00::/8,::1" });
  expect(TRUSTED_PROXIES).toEqual(["10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1"]);
});

test.each([
  ["TRUSTED_PROXIES", "proxy.internal"],
  ["TRUSTED_PROXIES", "10.0.0.0/33"],
  ["TRUSTED_PROXIES", "10.0.0.0/0"],
  ["TRUSTED_PROXIES", "999.0.0.1"],
  ["TRUSTED_PROXIES", "10.0.0.0/8/8"],
  ["WRITES_PER_MINUTE", "-1"],
  ["SIGN_INS_PER_MINUTE", "many"],
  ["IDENTITY_HTTP_URL", "identity:8096"],
  ["SURFACES_URL", "surfaces:8087"],
  ["CORS_ORIGINS", "https://shop.example/path"],
  ["CORS_ORIGINS", "https://shop.example?a"],
  ["CORS_ORIGINS", "https://user@shop.example"],
  ["CORS_ORIGINS", "https://*.example"],
  ["CORS_ORIGINS", "https://shop.example:99999"],
  ["CORS_ORIGINS", "shop.example"],
  ["PICTURE_ORIGINS", "*"],
  ["PICTURE_ORIGINS", "http://images.example"],
  ["PICTURE_ORIGINS", "https://images.example;script-src"],
  ["SECURITY_LOG_URL", "javascript:alert(1)"],
  ["AUDIT_CRON_JOB", "sagacart-audit"],
  ["AUDIT_CRON_JOB", "shop/sagacart-audit; rm"],
  ["TRACE_UI_URL", "https://jaeger.example/trace"],
  ["TRACE_UI_URL", "javascript:alert({traceId})"],
  ["TRACE_UI_URL", "jaeger.example/trace/{traceId}"],
  ["TRACES_URL", "http://traces.example:4318"],
  ["TRACES_URL", "http://127.0.0.1.traces.example:4318"],
  ["TRACES_URL", "http://10.0.0.1:4318"],
  ["TRACES_URL", "127.0.0.1:4318"],
])("%s=%s is refused by its name", (name, value) => {
  const read = () => readConfig({ AUTH: "off", [name]: value });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(name);
});

test.each([
  ["on another machine", { LAUNCHER_ADDRESS: "10.0.0.1:4321" }, "must be host:port on this machine"],
  ["by a name", { LAUNCHER_ADDRESS: "launcher:4321" }, "must be host:port on this machine"],
  ["on all addresses", { LAUNCHER_ADDRESS: "0.0.0.0:4321" }, "must be host:port on this machine"],
  ["that only looks local", { LAUNCHER_ADDRESS: "127.0.0.1.example:4321" }, "must be host:port on this machine"],
  ["without a port", { LAUNCHER_ADDRESS: "localhost" }, "must be host:port on this machine"],
  ["of a shop with real providers", { SIMULATED_PROVIDERS: "false" }, "it needs SIMULATED_PROVIDERS=true"],
  ["of a shop that says nothing of providers", { SIMULATED_PROVIDERS: undefined }, "it needs SIMULATED_PROVIDERS=true"],
  ["of a shop in production", { HTTPS_ONLY: "true" }, "not HTTPS_ONLY=true"],
])("a launcher %s is refused", (_, variables, message) => {
  const laptop = { AUTH: "off", LAUNCHER_ADDRESS: "127.0.0.1:4321", SIMULATED_PROVIDERS: "true" };
  expect(readConfig(laptop).LAUNCHER_ADDRESS).toBe("127.0.0.1:4321");
  const read = () => readConfig({ ...laptop, ...variables });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(message);
});
