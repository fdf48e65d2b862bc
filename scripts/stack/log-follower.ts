import { open } from "node:fs/promises";

export type FollowOptions = {
  /** Created if missing. */
  readonly file: string;
  readonly only: "errors" | "all";
  line(line: string): void;
};

/** Passes on each line that is appended to a log from now on, polling it a few times a second. */
export async function followLog({ file, only, line }: FollowOptions): Promise<{ close(): Promise<void> }> {
  let position = await sizeOf(file);
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

async function sizeOf(file: string): Promise<number> {
  await using handle = await open(file, "a", 0o600);
  return (await handle.stat()).size;
}

// Our processes log JSON with a level. Other output, for example a crash, is reported when the process ends.
function isError(line: string): boolean {
  return /^\{.*"level":"(error|fatal)"/.test(line);
}
