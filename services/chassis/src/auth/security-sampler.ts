import { burstOf, type Line } from "./security-line.ts";

export type SamplerOptions = {
  write(line: Line): void;
  /** A minute if absent. */
  windowMs?: number | undefined;
  /** How many bursts are told apart in that time. */
  mostBursts?: number | undefined;
};

/** Writes events of bursts, so that they cannot flood the log. */
export type Sampler = {
  /** Takes an event, of which so many of a burst are lines at once; 1 if absent. */
  take(line: Line, linesAtOnce?: number): void;
  /** Writes how often each burst was repeated since its last line. */
  flush(): void;
};

/**
 * Writes the first event of a burst at once, or the first few, and then one line a minute with the count of the others, until
 * a minute passes without any. The line of a count names the object only if all of its events were about one.
 *
 * Beyond the thousand bursts that are told apart, callers have no line of their own: all those who broke one rule are one burst,
 * without actor and address. A thousand lines a minute may be a burst's second or later one. So the log takes a few thousand
 * lines a minute at most, and a megabyte or two of memory, however many addresses an attack comes from.
 */
export function createSampler({ write, windowMs = 60_000, mostBursts = 1_000 }: SamplerOptions): Sampler {
  const bursts = new Map<string, { line: Line; written: number; more: number }>();
  // The lines at once of this window that are not the first of their burst.
  let extraLines = 0;
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    extraLines = 0;
    for (const [key, burst] of bursts) {
      if (burst.more === 0) {
        bursts.delete(key);
      } else {
        write({ ...burst.line, count: burst.more });
        burst.more = 0;
      }
    }
    if (bursts.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }

  function take(line: Line, linesAtOnce = 1): void {
    const known = bursts.get(burstOf(line));
    if (known !== undefined && known.written < linesAtOnce && extraLines < mostBursts) {
      known.written++;
      extraLines++;
      write({ ...line, count: 1 });
      return;
    }
    if (known !== undefined) {
      // Of several things, none is named.
      const isOfOne = known.more === 0 || known.line.object.id === line.object.id;
      known.line = isOfOne ? line : { ...line, object: { ...line.object, id: "" } };
      known.more++;
      return;
    }
    const isOneTooMany = bursts.size >= mostBursts;
    const ofNobody = { ...line, actor: { kind: "", id: "" }, address: "" };
    if (isOneTooMany && line.actor.kind !== "") {
      take(ofNobody);
      return;
    }
    bursts.set(burstOf(line), { line, written: 1, more: 0 });
    write({ ...line, count: 1 });
    timer ??= setInterval(flush, windowMs).unref();
  }

  return { take, flush };
}
