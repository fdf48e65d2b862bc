/**
 * Limits the restarts of each process to three per minute, so that one that keeps crashing stays down for inspection.
 * The function returns true if the named process may be restarted.
 */
export function createRestartLimit(now: () => number = Date.now): (name: string) => boolean {
  const restarts = new Map<string, number[]>();
  return (name) => {
    const recent = (restarts.get(name) ?? []).filter((time) => time > now() - 60_000);
    if (recent.length >= 3) return false;
    restarts.set(name, [...recent, now()]);
    return true;
  };
}
