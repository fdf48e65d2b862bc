import { closeSync, constants, fchmodSync, fstatSync, openSync, statSync, writeSync } from "node:fs";
import { isAbsolute } from "node:path";
import { pino } from "pino";
import type { Log } from "../process/log.ts";

/** Takes lines, each with its newline. */
export type LineSink = { write(line: string): unknown };

/** Parses SECURITY_LOG: `stdout`, or the absolute path of a file that can be written, which is created. */
export function securityLogTarget(value = "stdout"): string {
  if (value === "stdout") {
    return value;
  }
  if (!isAbsolute(value)) {
    throw new Error(`must be stdout or the absolute path of a file, got ${JSON.stringify(value)}`);
  }
  try {
    closeSync(openPrivate(value));
  } catch (error) {
    throw new Error(`cannot be written: ${messageOf(error)}`, { cause: error });
  }
  return value;
}

/** Writes to stdout: synchronously, as the other log, since a line must not be lost when the process exits. */
export function stdoutSink(): LineSink {
  return pino.destination({ dest: 1, sync: true });
}

/** A file of lines that can be rotated. */
export type FileSink = LineSink & { reopen(): void };

/**
 * Appends lines to a file that only this process's user can read. It is opened anew when it was moved or deleted, which is
 * noticed within a second, and by `reopen`: so whatever rotates it needs no signal, and lines go on if it empties the file in
 * place. While the file cannot be written, for example since the disk is full, lines go to `fallback` and are not lost.
 */
export function fileSink(path: string, { log, fallback }: { log: Log; fallback: LineSink }): FileSink {
  let file: number | undefined;
  let lookedMs = 0;
  let isTold = false;
  /** True after half a line: the next one must not continue it. */
  let isTorn = false;

  function close(): void {
    if (file !== undefined) {
      closeSync(file);
      file = undefined;
    }
  }

  function current(): number {
    const nowMs = performance.now();
    if (file !== undefined && nowMs - lookedMs > 1_000) {
      lookedMs = nowMs;
      if (!isStill(path, file)) {
        close();
      }
    }
    if (file === undefined) {
      file = openPrivate(path);
      lookedMs = nowMs;
    }
    return file;
  }

  return {
    write(line) {
      try {
        const bytes = Buffer.from(isTorn ? `\n${line}` : line);
        writeAll(current(), bytes, () => {
          isTorn = true;
        });
        isTorn = false;
        isTold = false;
      } catch (error) {
        fallback.write(line);
        close();
        if (!isTold) {
          isTold = true;
          log.error({ error, path }, "the security log cannot be written; its lines go to stdout meanwhile");
        }
      }
    },
    reopen: close,
  };
}

/** Returns the sink that SECURITY_LOG names. A file is opened anew at SIGHUP, until the sink is disposed, which closes it. */
export function openSecurityLog(target: string, log: Log): LineSink & Disposable {
  const stdout = stdoutSink();
  if (target === "stdout") {
    return { write: (line) => stdout.write(line), [Symbol.dispose]: () => undefined };
  }
  const { write, reopen } = fileSink(target, { log, fallback: stdout });
  process.on("SIGHUP", reopen);
  return {
    write,
    [Symbol.dispose]() {
      process.off("SIGHUP", reopen);
      reopen();
    },
  };
}

/** Opens a file to append to. It is for its owner alone, also if it was there before with wider permissions. */
function openPrivate(path: string): number {
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  // No link: who may write into the folder could direct the lines into another file. A pipe would be waited for without
  // O_NONBLOCK, before anything else of the process begins.
  const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    if (!fstatSync(file).isFile()) {
      throw new Error("it is not a regular file");
    }
    fchmodSync(file, 0o600);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function isStill(path: string, file: number): boolean {
  const [named, opened] = [statSync(path, { throwIfNoEntry: false }), fstatSync(file)];
  return named !== undefined && named.ino === opened.ino && named.dev === opened.dev;
}

/** Writes all bytes. Calls `begun` when some are written, as the rest may fail: the disk may be full then. */
function writeAll(file: number, bytes: Buffer, begun: () => void): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(file, bytes, written);
    begun();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
