/**
 * Returns the pause before the next attempt, in ms. It doubles with each earlier failure (0 for the first one) up to
 * `longestMs`, with a jitter of ±25 %, so that clients that failed together do not retry together.
 */
export function backoffMs(failures: number, { firstMs, longestMs }: { firstMs: number; longestMs: number }): number {
  // Cap the exponent: 0 * Infinity is NaN.
  return Math.min(longestMs, firstMs * 2 ** Math.min(failures, 40)) * (0.75 + Math.random() / 2);
}
