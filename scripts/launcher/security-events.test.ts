import { appendFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorInfo } from "@sagacart/chassis/errors";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listSecurityEvents } from "./security-events.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sagacart-security-"));
  file = join(folder, "security.log");
});
afterEach(() => rm(folder, { recursive: true }));

const all = { event: "", actorId: "", outcome: "" };

function line(number: number, more: object = {}): string {
  return `${JSON.stringify({
    ...{ time: "2026-01-05T10:00:00.000Z", log: "security", service: "identity", event: "roles.changed" },
    ...{ outcome: "ok", reason: "", actor: { kind: "staff", id: "op-1" }, object: { kind: "user", id: `u-${number}` } },
    ...{ address: "198.51.100.7", requestId: `r-${number}`, traceId: "" },
    ...more,
  })}\n`;
}

const lines = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => line(first + index)).join("");

/** Reads all pages. Returns the numbers of the lines on each. */
async function pagesOf(filter = all, limit = 50): Promise<number[][]> {
  const pages: number[][] = [];
  let pageToken = "";
  do {
    const page = await listSecurityEvents(file, { filter, pageToken, limit });
    pages.push(page.events.map(({ requestId = "" }) => Number(requestId.slice(2))));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return pages;
}

const downFrom = (last: number, first: number) => Array.from({ length: last - first + 1 }, (_, index) => last - index);

test("a log that is not there, and an empty one, have no events", async () => {
  expect(await pagesOf()).toEqual([[]]);
  await writeFile(file, "");
  expect(await pagesOf()).toEqual([[]]);
});

test("each property of a line is told, and those that are unknown are empty", async () => {
  const more = {
    factor: "password",
    method: "POST",
    route: "/v1/orders/:p0",
    until: "2026-01-05T10:05:00.000Z",
    count: 12,
  };
  await writeFile(file, line(1) + line(2, { outcome: "refused", reason: "ROLE_REQUIRED", traceId: "abc", ...more }));
  const { events } = await listSecurityEvents(file, { filter: all, pageToken: "", limit: 50 });
  expect(events).toMatchObject([
    {
      service: "identity",
      event: "roles.changed",
      outcome: "refused",
      reason: "ROLE_REQUIRED",
      actor: { kind: "staff", id: "op-1" },
      object: { kind: "user", id: "u-2" },
      address: "198.51.100.7",
      requestId: "r-2",
      traceId: "abc",
      factor: "password",
      method: "POST",
      route: "/v1/orders/:p0",
      count: 12n,
      time: { seconds: BigInt(Date.parse("2026-01-05T10:00:00.000Z") / 1_000) },
      until: { seconds: BigInt(Date.parse("2026-01-05T10:05:00.000Z") / 1_000) },
    },
    { requestId: "r-1", factor: "", route: "" },
  ]);
  expect(events[1]).not.toHaveProperty("count");
});

test.each([
  [1, 1],
  [50, 50],
  [51, 50],
  [1_500, 200],
])("%d lines on pages of %d are each told once, newest first", async (count, limit) => {
  await writeFile(file, lines(1, count));
  const pages = await pagesOf(all, limit);
  expect(pages.flat()).toEqual(downFrom(count, 1));
  expect(pages.every((page) => page.length <= limit)).toBe(true);
});

test.each([
  [{ ...all, event: "session.started" }, [3]],
  [{ ...all, actorId: "ada" }, [3, 2]],
  [{ ...all, outcome: "refused" }, [2]],
  [{ event: "roles.changed", actorId: "ada", outcome: "refused" }, [2]],
  [{ ...all, event: "roles" }, []],
])("the filter %j selects the lines %j", async (filter, numbers) => {
  const actor = { kind: "customer", id: "ada" };
  await writeFile(
    file,
    line(1) + line(2, { actor, outcome: "refused" }) + line(3, { actor, event: "session.started" }),
  );
  expect((await pagesOf(filter)).flat()).toEqual(numbers);
});

test("half a line, and what is no security event, is left out", async () => {
  const other = '{"time":"2026-01-05T10:00:00.000Z","level":"info","msg":"serving"}\n';
  await writeFile(file, `${line(1)}{"time":"2026-\n${other}null\n[]\n"text"\n\n${line(2)}${line(3).slice(0, 40)}`);
  expect((await pagesOf()).flat()).toEqual([2, 1]);
});

test("a page goes on where the one before ended, while lines are appended and the file is moved aside", async () => {
  await writeFile(file, lines(1, 5));
  const first = await listSecurityEvents(file, { filter: all, pageToken: "", limit: 2 });
  await appendFile(file, lines(6, 9));
  const pageToken = first.nextPageToken;
  const next = async () =>
    (await listSecurityEvents(file, { filter: all, pageToken, limit: 2 })).events.map(({ requestId }) => requestId);
  expect(await next()).toEqual(["r-3", "r-2"]);

  await rename(file, `${file}.1`);
  await writeFile(file, lines(10, 11));
  expect(await next()).toEqual(["r-3", "r-2"]);
  expect((await pagesOf(all, 3)).flat()).toEqual(downFrom(11, 1));

  await rename(file, `${file}.1`);
  await expect(next()).rejects.toSatisfy((error) => errorInfo(error).reason === "BAD_PAGE_TOKEN");
});

test("a token of another filter, and a forged one, is refused", async () => {
  await writeFile(file, lines(1, 5));
  const { nextPageToken } = await listSecurityEvents(file, { filter: all, pageToken: "", limit: 2 });
  const reasonOf = (pageToken: string, filter = all) =>
    listSecurityEvents(file, { filter, pageToken, limit: 2 }).then(
      () => "OK",
      (error: unknown) => errorInfo(error).reason,
    );
  expect(await reasonOf(nextPageToken)).toBe("OK");
  expect(await reasonOf(nextPageToken, { ...all, outcome: "ok" })).toBe("BAD_PAGE_TOKEN");
  for (const key of [["1", "5"], ["../../etc/passwd", "0"], [1, 2], []]) {
    const forged = Buffer.from(JSON.stringify([`security-events ${JSON.stringify(all)}`, ...key])).toString(
      "base64url",
    );
    expect(await reasonOf(forged), JSON.stringify(key)).toBe("BAD_PAGE_TOKEN");
  }
  const [, inode = ""] = JSON.parse(Buffer.from(nextPageToken, "base64url").toString());
  for (const place of ["-1", "100000"]) {
    const key = [`security-events ${JSON.stringify(all)}`, inode, place];
    expect(await reasonOf(Buffer.from(JSON.stringify(key)).toString("base64url")), place).toBe("BAD_PAGE_TOKEN");
  }
});

test("a page reads a bounded part of a large log, also if nothing in it matches", async () => {
  const many = lines(1, 12_000);
  await writeFile(file, line(0, { outcome: "failed" }) + many.repeat(2));
  const filter = { ...all, outcome: "failed" };
  const pages = await pagesOf(filter);
  expect(pages.length).toBeGreaterThan(1);
  expect(pages.at(-1)).toEqual([0]);
  expect(pages.slice(0, -1).flat()).toEqual([]);
});
