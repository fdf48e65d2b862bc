/**
 * Whether a process that ended unasked is started once more: at most three times in a minute, so that one that cannot
 * live is left as it is, for a person to look at.
 */
export function createRestarts(now: () => number = Date.now): (name: string) => boolean {
  const restarts = new Map<string, number[]>();
  return (name) => {
    const recent = (restarts.get(name) ?? []).filter((time) => time > now() - 60_000);
    if (recent.length >= 3) return false;
    restarts.set(name, [...recent, now()]);
    return true;
  };
}
