import { open } from "node:fs/promises";

export type FollowOptions = {
  readonly file: string;
  /** The file size at the start: lines after it are new. */
  readonly from: number;
  readonly only: "errors" | "all";
  line(line: string): void;
};

/** Passes on each new line of a log, polling it a few times a second. */
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
        // latin1 keeps the bytes: the end of the buffer may split a multi-byte character.
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
      await reading.catch(() => undefined); // the log was removed
    },
  };
}

// Our processes log JSON with a level. Other output, for example a crash, is reported when the process ends.
function isError(line: string): boolean {
  return /^\{.*"level":"(error|fatal)"/.test(line);
}
