import { BinaryReader } from "@bufbuild/protobuf/wire";

/** A span as it came over OTLP, in short. */
export type SentSpan = {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";
  readonly attributes: Readonly<Record<string, Value>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Attributes }[];
  readonly isError: boolean;
  readonly ms: number;
};

type Value = string | number | boolean | undefined;
type Attributes = Readonly<Record<string, Value>>;

/** Reads an ExportTraceServiceRequest in protobuf: of each span what anybody here looks at. */
export function decodeSpans(body: Uint8Array): SentSpan[] {
  return messages(fieldsOf(body), 1).flatMap((resourceSpans) => {
    const resource = attributesOf(messages(messages(resourceSpans, 1)[0] ?? new Map(), 1));
    const service = String(resource["service.name"] ?? "");
    return messages(resourceSpans, 2).flatMap((scopeSpans) =>
      messages(scopeSpans, 2).map((span) => toSpan(service, span)),
    );
  });
}

const kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;
const statusError = 2n;

function toSpan(service: string, span: Fields): SentSpan {
  const [startNs, endNs] = [number(span, 7), number(span, 8)];
  return {
    service,
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentSpanId: hex(span, 4),
    name: text(span, 5),
    kind: kinds[Number(number(span, 6))] ?? "unspecified",
    attributes: attributesOf(messages(span, 9)),
    links: messages(span, 13).map((link) => ({
      traceId: hex(link, 1),
      spanId: hex(link, 2),
      attributes: attributesOf(messages(link, 4)),
    })),
    isError: messages(span, 15).some((status) => number(status, 3) === statusError),
    ms: Number(endNs - startNs) / 1e6,
  };
}

function attributesOf(keyValues: readonly Fields[]): Attributes {
  return Object.fromEntries(
    keyValues.map((keyValue) => [text(keyValue, 1), anyValue(messages(keyValue, 2)[0] ?? new Map())]),
  );
}

function anyValue(value: Fields): Value {
  if (value.has(1)) {
    return text(value, 1);
  }
  if (value.has(2)) {
    return number(value, 2) === 1n;
  }
  if (value.has(3)) {
    return Number(BigInt.asIntN(64, number(value, 3)));
  }
  return value.has(4) ? new Float64Array(new BigUint64Array([number(value, 4)]).buffer)[0] : undefined;
}

/** The fields of a message as they stand on the wire, by their numbers. */
type Fields = Map<number, (bigint | Uint8Array)[]>;

function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields: Fields = new Map();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const values = fields.get(number) ?? [];
    fields.set(number, values);
    switch (type) {
      case 0:
        values.push(BigInt(reader.uint64()));
        break;
      case 1:
        values.push(BigInt(reader.fixed64()));
        break;
      case 2:
        values.push(reader.bytes());
        break;
      default:
        reader.skip(type, number);
    }
  }
  return fields;
}

function messages(fields: Fields, number: number): Fields[] {
  return (fields.get(number) ?? []).flatMap((value) => (typeof value === "bigint" ? [] : [fieldsOf(value)]));
}

function bytes(fields: Fields, number: number): Uint8Array {
  const value = fields.get(number)?.[0];
  return value === undefined || typeof value === "bigint" ? new Uint8Array() : value;
}

function text(fields: Fields, number: number): string {
  return Buffer.from(bytes(fields, number)).toString("utf8");
}

function hex(fields: Fields, number: number): string {
  return Buffer.from(bytes(fields, number)).toString("hex");
}

function number(fields: Fields, number: number): bigint {
  const value = fields.get(number)?.[0];
  return typeof value === "bigint" ? value : 0n;
}
