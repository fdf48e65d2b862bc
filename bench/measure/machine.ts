import { open, rm } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import { clockMs } from "../callers/messages.ts";
import { median } from "../stats.ts";

export type Machine = {
  readonly cores: number;
  readonly model: string;
  readonly memoryGiB: number;
  readonly system: string;
  /** The time in which the disk makes 8 kB durable, which every commit waits for. */
  readonly flushMicros: number;
};

/** Describes the machine, and the disk of the folder. */
export async function describeMachine(directory: string): Promise<Machine> {
  const cpus = os.cpus();
  return {
    cores: cpus.length,
    model: cpus[0]?.model.trim() ?? "unknown",
    memoryGiB: Math.round((os.totalmem() / 2 ** 30) * 10) / 10,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    flushMicros: await measureFlush(directory),
  };
}

async function measureFlush(directory: string): Promise<number> {
  const path = join(directory, "flush");
  const file = await open(path, "w");
  const block = Buffer.alloc(8_192, "x");
  const micros: number[] = [];
  try {
    for (let round = 0; round < 200; round++) {
      const startMs = clockMs();
      await file.write(block, 0, block.length, (round % 100) * block.length);
      await file.datasync();
      micros.push((clockMs() - startMs) * 1_000);
    }
  } finally {
    await file.close();
    await rm(path);
  }
  return Math.round(median(micros));
}
