import { sourcesOf } from "./source.ts";

/** A line of the log at level error or fatal: its message, with `…` for what is filled in. */
export type ErrorLine = { readonly file: string; readonly message: string };

/**
 * Finds the error lines of all services and of the worker: calls of `log.error` and `log.fatal`, of `logFailure`, and of a
 * level that is chosen between error and another one. Lines with no message of their own are left out.
 */
export function errorLines(): ErrorLine[] {
  return [...sourcesOf("services"), ...sourcesOf("workflows/src")].flatMap(([file, text]) =>
    [...text.matchAll(callOfError)].flatMap((call) => {
      const message = lastTextOf(text.slice(call.index + call[0].length));
      return message === undefined ? [] : [{ file, message }];
    }),
  );
}

const callOfError =
  /\blog\.(?:error|fatal)\(|(?<!function )\blogFailure\(|\blog\[(?=[^\]]*"error")[^\]]*\]\(|const level = [^;]*"error"[^;]*;\s*log\[level\]\(/g;

/** Returns the last text among the arguments of a call, whose opening bracket comes just before. */
function lastTextOf(after: string): string | undefined {
  let depth = 1;
  let last: string | undefined;
  for (const [token, , text, template] of after.matchAll(/("((?:[^"\\]|\\.)*)")|`((?:[^`\\]|\\.)*)`|[()[\]{}]/g)) {
    if (text !== undefined || template !== undefined) {
      last = (text ?? template ?? "").replaceAll(/\$\{[^}]*\}/g, "…");
    } else {
      depth += "([{".includes(token) ? 1 : -1;
      if (depth === 0) break;
    }
  }
  return last;
}
