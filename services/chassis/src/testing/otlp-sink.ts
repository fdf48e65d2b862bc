import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { decodeSpans, type SentSpan } from "../trace/otlp.ts";

export type OtlpSink = AsyncDisposable & {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  /** All that came, in its order. */
  readonly spans: SentSpan[];
  /** How the next requests are answered: 200 unless told otherwise, never by "silence". */
  answer: number | "silence";
};

/** Takes traces by OTLP over HTTP, where there is no collector; keeps them in memory, and hands each on if asked to. */
export async function startOtlpSink(
  options: { host?: string; port?: number; onSpan?: (span: SentSpan) => void } = {},
): Promise<OtlpSink> {
  const spans: SentSpan[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    if (sink.answer === 200) {
      const came = decodeSpans(request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body);
      spans.push(...came);
      came.forEach((span) => {
        options.onSpan?.(span);
      });
    }
    reply(response, sink.answer);
  });
  server.listen({ host: options.host ?? "127.0.0.1", port: options.port ?? 0 });
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const sink: OtlpSink = {
    url: `http://127.0.0.1:${port}`,
    spans,
    answer: 200,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return sink;
}

function reply(response: ServerResponse, answer: number | "silence"): void {
  if (answer !== "silence") {
    // An empty message is what all went well is in protobuf.
    response.writeHead(answer, { "content-type": "application/x-protobuf" }).end();
  }
}

if (import.meta.main) {
  // For a cluster without a collector: each span is a line on stdout.
  const line = (span: SentSpan) => process.stdout.write(`${JSON.stringify(span)}\n`);
  await startOtlpSink({ host: "0.0.0.0", port: Number(process.env.PORT || 4318), onSpan: line });
}
