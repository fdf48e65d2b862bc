import { expect, test } from "vitest";
import { totpCode } from "./totp.ts";

// RFC 6238, appendix B, SHA-1: the last six of its eight digits.
test.each([
  [59, "287082"],
  [1_111_111_109, "081804"],
  [1_111_111_111, "050471"],
  [1_234_567_890, "005924"],
  [2_000_000_000, "279037"],
  [20_000_000_000, "353130"],
])("the code at %i s", (seconds, code) => {
  // "12345678901234567890" in base32.
  expect(totpCode("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", seconds * 1000)).toBe(code);
});

test("a secret that is not base32 is refused, and not shown", () => {
  expect(() => totpCode("secret-0189", 0)).toThrow(/^the secret of an authenticator app must be base32/);
});
