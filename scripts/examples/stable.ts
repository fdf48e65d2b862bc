import { createHash } from "node:crypto";
import type { Example, Json } from "./recorder.ts";

/**
 * Replaces what differs from recording to recording, and what nobody must get to see, by valid values that stay the same: ids,
 * times, tokens, secrets, addresses. So examples change only if answers do.
 *
 * `addresses` are texts to replace first: the addresses of the recorded shop, by the usual ones.
 */
export function stabilize(
  examples: Readonly<Record<string, Example>>,
  addresses: ReadonlyMap<string, string> = new Map(),
): Record<string, Example> {
  const ids = new Map<string, string>();
  return Object.fromEntries(
    Object.entries(examples).map(([operation, example]) => {
      let made = 0;
      // By the operation that is the first one to show it: another operation does not change the ids of all that follow.
      const idOf = (id: string) => {
        const known = ids.get(id) ?? `0199c0de-0000-7000-8000-${hash(`${operation} ${made++}`, 12)}`;
        ids.set(id, known);
        return known;
      };
      return [operation, stable(example, "", { idOf, addresses })];
    }),
  );
}

type Context = { readonly idOf: (id: string) => string; readonly addresses: ReadonlyMap<string, string> };

/** Lists whose length is chance: one item is an example. */
const cutLists: ReadonlySet<string> = new Set(["seconds"]);

function stable(value: Json, key: string, context: Context): Json {
  if (Array.isArray(value)) {
    const items = cutLists.has(key) ? value.slice(-1) : value;
    return items.map((item) => stable(item, key, context));
  }
  if (typeof value === "object" && value !== null) {
    return stableObject(value, context);
  }
  if (typeof value === "number") {
    return value === 0 ? value : (fixedNumbers[key] ?? value);
  }
  return typeof value === "string" && value !== "" ? stableText(value, key, context) : value;
}

function stableObject(value: Readonly<Record<string, Json>>, context: Context): Json {
  const isPasskey = value.type === "public-key" || "displayName" in value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inside]) => [
      key,
      isPasskey && key === "id" ? fixedTexts.rawId : stable(inside, key, context),
    ]),
  );
}

function stableText(text: string, key: string, context: Context): string {
  const fixed = fixedTexts[key];
  if (fixed !== undefined && text !== "0" && !recoveryCode.test(text)) {
    return fixed;
  }
  if (/^\{.*\}$/s.test(text)) {
    return JSON.stringify(stable(JSON.parse(text), "", context));
  }
  if (/^(?:id: .*\n)?data: /.test(text)) {
    return stableMessage(text, context);
  }
  if (/^\d+\.\d+s$/.test(text)) {
    return "0.012s";
  }
  if (key === "checked") {
    return text.replaceAll(/\d+/g, "12");
  }
  if (recoveryCode.test(text)) {
    // A recovery code, made of the id that would take its place.
    return (hash(context.idOf(text), 24).match(/.{4}/g) ?? []).join("-");
  }
  let result = text;
  for (const [address, usual] of context.addresses) {
    result = result.replaceAll(address, usual);
  }
  return (
    result
      .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+]00:00)/g, timesOf[key] ?? timeOf(key))
      // As HTTP writes it, which Wippy's clients expect.
      .replaceAll(/\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/g, "Thu, 01 Jan 2026 09:00:00 GMT")
      .replaceAll(/(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])/g, context.idOf)
      // Some are hashes.
      .replaceAll(/(?<![0-9a-f-])[0-9a-f]{32}(?![0-9a-f])/g, (id) => context.idOf(id).replaceAll("-", ""))
      .replaceAll(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, fixedTexts.accessToken ?? "")
      // The providers outside count, and shipments may overtake one another.
      .replaceAll(/\b(SC|ch_|re_)\d{10}\b/g, (_, kind) => `${kind}0000000001`)
      .replaceAll(/\bguest-[\w-]{32}/g, `guest-${base64url("an example of a guest ..")}`)
      .replaceAll(/\bwhsec_[\w+/=-]+/g, `whsec_${Buffer.from("an example of a secret..").toString("base64")}`)
      .replaceAll(/^[A-Z2-7]{32,}$|(?<=[?&]secret=)[A-Z2-7]+/g, "KRUGS4ZANFZSAYLOEBSXQYLNOBWGKLRO")
      .replaceAll(/\b(?:t=\d+,v1=[0-9a-f]{64})/g, `t=1767258000,v1=${hash("signature", 64)}`)
      .replaceAll(/\b(token=)[\w.~-]+/g, "$1an-example-token-from-a-mail")
  );
}

const recoveryCode = /^[0-9a-z]{4}(?:-[0-9a-z]{4}){5}$/;

/** A server-sent event: an event of a feed has its position as its id. */
function stableMessage(message: string, context: Context): string {
  const [, id = "", data = "{}"] = /^(?:id: (.*)\n)?data: (.*)\n/.exec(message) ?? [];
  const json = stable(JSON.parse(data), "", context);
  const cursor = json.position ?? id;
  return `${cursor === "" ? "" : `id: ${cursor}\n`}data: ${JSON.stringify(json)}\n\n`;
}

/** Returns a time by the name of its field: two times of one thing are in a sensible order. */
function timeOf(key: string): string {
  return /expire|until|resume|next|previous/i.test(key) ? "2026-01-01T10:00:00Z" : "2026-01-01T09:00:01Z";
}

const timesOf: Readonly<Record<string, string>> = {
  createTime: "2026-01-01T09:00:00Z",
  startTime: "2026-01-01T09:00:00Z",
  createTimeFrom: "2026-01-01T00:00:00Z",
  createTimeBefore: "2026-01-02T00:00:00Z",
  refreshTokenExpireTime: "2026-01-31T09:00:00Z",
};

function hash(text: string, length: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, length);
}

const base64url = (text: string) => Buffer.from(text).toString("base64url");

/** Texts that are as long as real ones, and open nothing. */
const fixedTexts: Readonly<Record<string, string>> = {
  accessToken: `${base64url('{"alg":"EdDSA","typ":"at+jwt"}')}.${base64url('{"sub":"ada"}')}.${base64url("an example")}`,
  refreshToken: base64url("an example of a refresh token...."),
  guestToken: base64url("an example of a guest's token..."),
  "Guest-Token": base64url("an example of a guest's token..."),
  deviceToken: base64url("an example of a device's token.."),
  signInToken: base64url("an example of a sign-in's token."),
  token: base64url("an example of a token in a mail."),
  nextPageToken: base64url("an example of a page token"),
  pageToken: base64url("an example of a page token"),
  challenge: base64url("an example of a challenge......."),
  rawId: base64url("an example of an id"),
  code: "123456",
  signingKeyId: base64url("an example of a key's id"),
  userHandle: base64url("an example of an id"),
  clientDataJSON: base64url('{"type":"webauthn.create"}'),
  attestationObject: base64url("an example of an attestation object"),
  authenticatorData: base64url("an example of authenticator data"),
  signature: base64url("an example of a signature"),
  // Positions in a feed depend on the order in which services commit.
  position: "1207",
  nextPosition: "1207",
  headPosition: "1240",
  lagEvents: "33",
  "webhook-signature": `v1,${Buffer.from("an example of a webhook signature").toString("base64")}`,
  "webhook-timestamp": "1767258001",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  traceId: "0af7651916cd43dd8448eb211c80319c",
};

/** Numbers that depend on how fast something was. */
const fixedNumbers: Readonly<Record<string, number>> = {
  ...{ pid: 4242, tries: 30, asks: 1, attempts: 1, timestamp: 1_767_258_000 },
  ...{ created: 1, completed: 1, batches: 1, medianBatchOrders: 1, largestBatchOrders: 1 },
};
