import { Code, ConnectError } from "@connectrpc/connect";

/** Reads a whole number that a person typed. Throws a sentence for them; the contract's encoding would throw one for us. */
export function readWholeNumber(text: string): number {
  const number = Number(text.trim());
  if (!/^-?\d{1,10}$/.test(text.trim()) || Math.abs(number) > mostWhole) {
    throw new ConnectError(`"${text}" is not a whole number up to 2,147,483,647`, Code.InvalidArgument);
  }
  return number;
}

/** The range of a field of type int32. */
const mostWhole = 2_147_483_647;

/** Reads a position in a feed that a person typed. */
export function readPosition(text: string): bigint {
  if (!/^\d{1,18}$/.test(text.trim())) {
    throw new ConnectError(`"${text}" is not a position: write it like 1234`, Code.InvalidArgument);
  }
  return BigInt(text.trim());
}
