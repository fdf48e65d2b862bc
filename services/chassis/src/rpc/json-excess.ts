/** The largest structure of a JSON text that is parsed. The contract's largest request has about 50,000 values. */
export const mostJson = { values: 60_000, depth: 100, names: 1_000 } as const;

/** Smaller texts cost little, whatever is in them: jsonExcess does not read them. */
export const leastJsonBytes = 4_096;

/**
 * Returns what a JSON text has too much of, for example `values (at most 60000)`; undefined if it is fine. It reads the bytes
 * once, and makes nothing of them: a megabyte takes 4 to 12 ms in a process that has read few, and about 2 ms once V8 has
 * compiled the loop. Parsing half a million values, or the names of one object with 80,000, and searching them for what the
 * contract refuses holds up the event loop for a quarter of a second. It does not judge whether the text is JSON.
 */
export function jsonExcess(text: Uint8Array): string | undefined {
  if (text.length < leastJsonBytes) {
    return undefined;
  }
  let values = 1;
  let depth = 0;
  let inText = false;
  // The names of the object at each depth.
  const names = new Uint32Array(mostJson.depth + 1);
  for (let at = 0; at < text.length; at++) {
    const byte = text[at];
    if (inText) {
      if (byte === backslash) {
        at++;
      } else if (byte === quote) {
        inText = false;
      }
      continue;
    }
    switch (byte) {
      case quote:
        inText = true;
        break;
      case comma:
        values++;
        break;
      case colon: {
        const count = (names[depth] ?? 0) + 1;
        if (count > mostJson.names) {
          return `names in one object (at most ${mostJson.names})`;
        }
        names[depth] = count;
        break;
      }
      case openBracket:
      case openBrace:
        values++;
        depth++;
        if (depth > mostJson.depth) {
          return `nested lists and objects (at most ${mostJson.depth})`;
        }
        names[depth] = 0;
        break;
      case closeBracket:
      case closeBrace:
        depth = Math.max(0, depth - 1);
        break;
    }
    if (values > mostJson.values) {
      return `values (at most ${mostJson.values})`;
    }
  }
  return undefined;
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];
