/**
 * How long to pause after so many failures before (0: this is the first), in ms: it doubles each time up to the longest,
 * give or take a quarter, so that those who failed together do not come back together.
 */
export function backoffMs(failures: number, { firstMs, longestMs }: { firstMs: number; longestMs: number }): number {
  // Doubled without end it would be infinite, of which nothing is no number.
  return Math.min(longestMs, firstMs * 2 ** Math.min(failures, 40)) * (0.75 + Math.random() / 2);
}
