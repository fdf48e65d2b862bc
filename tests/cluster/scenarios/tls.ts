import { auditShop } from "../../../scripts/kubernetes/audit.ts";
import { adminPortOf, portOf } from "../../../scripts/shop.ts";
import { inShort, moreAnswers, startLoad } from "../load.ts";
import { check, NotHere, type Scenario, type Stage } from "../scenario.ts";

/** Enables global.tls of the chart, with certificates by cert-manager. */
export const tls: Scenario = {
  name: "tls",
  promise: "with TLS between the services, orders complete, and a plaintext call and plaintext metrics are refused",
  async run(stage) {
    const { shop, measured } = stage;
    const crd = await shop.namespace.kubectl([
      "get",
      "crd",
      "certificates.cert-manager.io",
      "--ignore-not-found",
      "-o",
      "name",
    ]);
    if (crd === "") throw new NotHere("cert-manager is not installed");
    check(
      (await callPlainly(stage)) === "answered",
      "without TLS a plaintext call was not answered, so the check proves nothing",
    );
    await stage.install({ global: { tls: { enabled: true } } });
    await shop.ready();
    try {
      await using load = await startLoad(shop, { callers: 4 });
      await moreAnswers(load, 50, 120_000);
      const report = await load.stop();
      check(report.failed === 0 && report.lost.length === 0, `${inShort(report)}: ${report.failures[0]}`);
      const said = await callPlainly(stage);
      check(said !== "answered", "a plaintext call was answered");
      const metrics = await readMetrics(stage);
      check(metrics === "plain: no answer, TLS: 200", `order's metrics: ${metrics}`);
      const certificates = await shop.namespace.list("certificates.cert-manager.io");
      measured(`${certificates.length} certificates, ${inShort(report)}`);
      measured(`a plaintext call to order: ${said}`);
      measured(`metrics of order: ${metrics}`);
      measured(`audit: ${await auditShop(shop)}`);
    } finally {
      await stage.install();
    }
  },
};

/** Sends a health check in plaintext HTTP/2 from the gateway's pod. Returns `answered`, or the error. */
async function callPlainly({ shop }: Stage): Promise<string> {
  const [pod] = await shop.pods("gateway");
  const script = `
    const session = require("node:http2").connect("http://${shop.objectName("order")}:${portOf("order")}");
    const end = (said) => { console.log(said); process.exit(0); };
    session.on("error", (error) => end(error.code ?? error.message));
    session.on("close", () => end("closed"));
    const request = session.request({ ":method": "POST", ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/json" });
    request.on("response", (headers) => end(headers[":status"] === 200 ? "answered" : "status " + headers[":status"]));
    request.on("error", (error) => end(error.code ?? error.message));
    request.end("{}");
    setTimeout(() => end("no answer"), 10000);`;
  return (await shop.namespace.kubectl(["exec", pod.metadata.name, "--", "/nodejs/bin/node", "-e", script])).trim();
}

/** Reads the metrics of order inside its own pod, in plain text and over TLS with the CA. Returns what each was answered. */
async function readMetrics({ shop }: Stage): Promise<string> {
  const [pod] = await shop.pods("order");
  const script = `
    const ca = require("node:fs").readFileSync("/etc/sagacart/tls/ca.crt");
    const options = { host: "localhost", port: ${adminPortOf("order")}, path: "/metrics", timeout: 10000, agent: false,
      ca, servername: "${shop.objectName("order")}" };
    const ask = (module) => new Promise((resolve) => {
      const sent = require(module).get(options, (answer) => { answer.resume(); resolve(answer.statusCode); });
      sent.on("error", () => resolve("no answer"));
      sent.on("timeout", () => resolve("no answer"));
    });
    Promise.all([ask("node:http"), ask("node:https")]).then(([plain, secure]) => {
      console.log("plain: " + plain + ", TLS: " + secure);
      process.exit(0);
    });`;
  return (await shop.namespace.kubectl(["exec", pod.metadata.name, "--", "/nodejs/bin/node", "-e", script])).trim();
}
