import { open } from "node:fs/promises";

export type FollowOptions = {
  readonly file: string;
  /** The size from which on lines are new. */
  readonly from: number;
  readonly only: "errors" | "all";
  line(line: string): void;
};

/** Tells of each line that is written to a log from now on, a few times a second. */
export function followLog({ file, from, only, line }: FollowOptions): { close(): Promise<void> } {
  let position = from;
  let rest = "";
  let reading: Promise<void> = Promise.resolve();

  const read = async () => {
    const handle = await open(file, "r").catch(() => undefined);
    if (handle === undefined) return;
    try {
      for (;;) {
        const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(65_536), position });
        if (bytesRead === 0) return;
        position += bytesRead;
        // latin1 keeps bytes: a letter of several bytes may be cut by the end of the buffer.
        const lines = (rest + buffer.toString("latin1", 0, bytesRead)).split("\n");
        rest = lines.pop() ?? "";
        for (const bytes of lines) {
          const text = Buffer.from(bytes, "latin1").toString("utf8");
          if (text !== "" && (only === "all" || isError(text))) line(text);
        }
      }
    } finally {
      await handle.close();
    }
  };
  const again = () => {
    reading = reading.then(read, read);
  };
  const timer = setInterval(again, 300);
  timer.unref();
  return {
    async close() {
      clearInterval(timer);
      again();
      await reading.catch(() => undefined); // a log that cannot be read any more was removed
    },
  };
}

// Our processes write JSON with a level. What is no JSON, such as a crash, is told with the end of the process.
function isError(line: string): boolean {
  return /^\{.*"level":"(error|fatal)"/.test(line);
}
