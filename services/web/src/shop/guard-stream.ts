/** The limits of one stream of messages, whose connection may die without a word. */
export type StreamGuard = {
  readonly signal: AbortSignal;
  /**
   * Tells why the guard has aborted the stream. `renewed`: its connection may be dead, so another one is opened. `lost`:
   * there is no connection. Undefined if it has not.
   */
  cut(): "renewed" | "lost" | undefined;
  /** Extends the time limit, after a message. */
  heard(): void;
  end(): void;
};

/** A stream begins with a message, so one that has none for this long has not reached the server. */
const openingMs = 20_000;
/** The server sends only changes, and nothing to keep a connection open: a longer silence may be that of a dead one. */
const silentMs = 60_000;
/** A page that was out of sight for this long may have slept, and its connections with it. */
const hiddenMs = 10_000;

/** Aborts a stream that cannot be relied on: after a silence, when the network goes or returns, when the page wakes up. */
export function guardStream(
  outer: AbortSignal,
  {
    network = window,
    page = document,
  }: { network?: EventTarget; page?: EventTarget & { readonly hidden: boolean } } = {},
): StreamGuard {
  const controller = new AbortController();
  const ended = new AbortController();
  let cut: "renewed" | "lost" | undefined;
  let hiddenSince = page.hidden ? Date.now() : undefined;
  const abort = (why: typeof cut) => {
    cut ??= why;
    controller.abort();
  };
  let timer = setTimeout(abort, openingMs, "lost");
  const options = { signal: ended.signal };
  network.addEventListener("offline", () => abort("lost"), options);
  network.addEventListener("online", () => abort("renewed"), options);
  page.addEventListener(
    "visibilitychange",
    () => {
      if (!page.hidden && hiddenSince !== undefined && Date.now() - hiddenSince > hiddenMs) {
        abort("renewed");
      }
      hiddenSince = page.hidden ? Date.now() : undefined;
    },
    options,
  );
  return {
    signal: AbortSignal.any([outer, controller.signal]),
    cut: () => cut,
    heard() {
      clearTimeout(timer);
      timer = setTimeout(abort, silentMs, "renewed");
    },
    end() {
      clearTimeout(timer);
      ended.abort();
    },
  };
}
