import { type FileHandle, open, stat } from "node:fs/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { badPageToken, decodePageToken, encodePageToken } from "@sagacart/chassis/postgres/page";
import type { SecurityEventSchema } from "@sagacart/proto/launcher/v1/launcher";

export type SecurityEventFilter = {
  /** "" matches any. */
  readonly event: string;
  readonly actorId: string;
  readonly outcome: string;
};

export type SecurityEventPage = {
  readonly events: MessageInitShape<typeof SecurityEventSchema>[];
  /** "" on the last page. */
  readonly nextPageToken: string;
};

/** The most that is read for a page: where few lines match, a page has less than it may, and there is a next one. */
const mostBytes = 4 * 1024 * 1024;

/**
 * Reads a page of the security log, newest line first: of the file and of the one that was moved aside before it. A token is the
 * place in a file, which stays the same while lines are appended and when the file is moved aside.
 */
export async function listSecurityEvents(
  file: string,
  { filter, pageToken, limit }: { filter: SecurityEventFilter; pageToken: string; limit: number },
): Promise<SecurityEventPage> {
  const of = `security-events ${JSON.stringify(filter)}`;
  const events: MessageInitShape<typeof SecurityEventSchema>[] = [];
  let place = await placeOf(file, decodePageToken(pageToken, of, ["string", "bigint"]));
  let left = mostBytes;
  while (place !== undefined) {
    const { path, inode, end } = place;
    await using handle = await open(path, "r");
    if (String((await handle.stat({ bigint: true })).ino) !== inode) {
      // It was moved aside just now.
      throw badPageToken();
    }
    for await (const { text, start } of linesBackwards(handle, end)) {
      const event = eventOf(text);
      if (event !== undefined && isWanted(event, filter)) {
        events.push(event);
      }
      left -= Buffer.byteLength(text) + 1;
      if (events.length === limit || left <= 0) {
        const isLast = start === 0 && path !== file;
        return { events, nextPageToken: isLast ? "" : encodePageToken([inode, BigInt(start)], of) };
      }
    }
    place = path === file ? await lastPlaceOf(before(file)) : undefined;
  }
  return { events, nextPageToken: "" };
}

type Place = { readonly path: string; readonly inode: string; readonly end: number };

/** The file of the lines before, as the launcher names it. */
const before = (file: string) => `${file}.1`;

/** Returns where to read from: the place of a token, or the end of the log. Throws BAD_PAGE_TOKEN if its file is gone. */
async function placeOf(file: string, key: readonly [string, bigint] | undefined): Promise<Place | undefined> {
  const places = (await Promise.all([file, before(file)].map(lastPlaceOf))).filter((place) => place !== undefined);
  if (key === undefined) {
    return places[0];
  }
  const [inode, end] = key;
  const place = places.find((one) => one.inode === inode);
  if (place === undefined || end < 0n || end > BigInt(place.end)) {
    throw badPageToken();
  }
  return { ...place, end: Number(end) };
}

async function lastPlaceOf(path: string): Promise<Place | undefined> {
  try {
    const { ino, size } = await stat(path, { bigint: true });
    return { path, inode: String(ino), end: Number(size) };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Yields the lines before a place, the last one first, each with the place of its beginning. */
async function* linesBackwards(handle: FileHandle, end: number): AsyncGenerator<{ text: string; start: number }> {
  let position = end;
  /** The bytes after `position` of a line whose beginning is not read yet. */
  let rest = Buffer.alloc(0);
  while (position > 0) {
    const size = Math.min(65_536, position);
    position -= size;
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(size), position });
    const bytes = Buffer.concat([buffer.subarray(0, bytesRead), rest]);
    let lineEnd = bytes.length;
    for (let newline = lastNewline(bytes, lineEnd); newline >= 0; newline = lastNewline(bytes, lineEnd)) {
      if (newline + 1 < lineEnd) {
        yield { text: bytes.toString("utf8", newline + 1, lineEnd), start: position + newline + 1 };
      }
      lineEnd = newline;
    }
    rest = bytes.subarray(0, lineEnd);
  }
  if (rest.length > 0) {
    yield { text: rest.toString("utf8"), start: 0 };
  }
}

function lastNewline(bytes: Buffer, end: number): number {
  return end === 0 ? -1 : bytes.lastIndexOf(0x0a, end - 1);
}

type Event = MessageInitShape<typeof SecurityEventSchema> & {
  readonly event: string;
  readonly outcome: string;
  readonly actor: { readonly kind: string; readonly id: string };
};

function isWanted({ event, outcome, actor }: Event, filter: SecurityEventFilter): boolean {
  return (
    (filter.event === "" || filter.event === event) &&
    (filter.outcome === "" || filter.outcome === outcome) &&
    (filter.actorId === "" || filter.actorId === actor.id)
  );
}

/** Returns the event of a line; undefined for half a line, which a full disk leaves, and for anything else. */
function eventOf(text: string): Event | undefined {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return undefined;
  }
  const time = dateIn(line, "time");
  if (time === undefined || textIn(line, "log") !== "security") {
    return undefined;
  }
  const until = dateIn(line, "until");
  const count: unknown = valueIn(line, "count");
  return {
    time: timestampFromDate(time),
    service: textIn(line, "service"),
    event: textIn(line, "event"),
    outcome: textIn(line, "outcome"),
    reason: textIn(line, "reason"),
    actor: namedIn(line, "actor"),
    object: namedIn(line, "object"),
    address: textIn(line, "address"),
    factor: textIn(line, "factor"),
    requestId: textIn(line, "requestId"),
    traceId: textIn(line, "traceId"),
    method: textIn(line, "method"),
    route: textIn(line, "route"),
    ...(until === undefined ? {} : { until: timestampFromDate(until) }),
    ...(Number.isSafeInteger(count) ? { count: BigInt(Number(count)) } : {}),
  };
}

function valueIn(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function textIn(value: unknown, name: string): string {
  const text = valueIn(value, name);
  return typeof text === "string" ? text : "";
}

function namedIn(value: unknown, name: string): { kind: string; id: string } {
  const named = valueIn(value, name);
  return { kind: textIn(named, "kind"), id: textIn(named, "id") };
}

function dateIn(value: unknown, name: string): Date | undefined {
  const date = new Date(textIn(value, name));
  return Number.isNaN(date.getTime()) ? undefined : date;
}
