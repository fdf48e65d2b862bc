import { readFileSync } from "node:fs";

/** The URL of a database for each new connection. */
export type Credentials = {
  /** Returns the URL to connect with now. */
  url(): string;
  /**
   * Returns true if the server refused the password of this URL and there is another one to try, which `url` returns from
   * now on.
   */
  hasOther(refused: string, error: unknown): boolean;
};

/** How often to connect at most with the passwords in turn: the server may change from one to the other meanwhile. */
export const passwordAttempts = 3;

/**
 * Notes the file that a database's URL was read from in the URL, so that everything that connects with it follows a
 * password that changes while the process runs.
 */
export function withUrlFile(url: string, file: string): string {
  const noted = new URL(url);
  noted.searchParams.set(parameter, file);
  return noted.href;
}

/**
 * Returns the credentials of a URL. If it names the file that it was read from, the file is read for each new connection,
 * and the password before is kept: Postgres knows one password per role, so while it is changed either the pods have the
 * new one first or the server does, and only one of the two is right at a time.
 */
export function credentialsOf(configured: string): Credentials {
  const given = new URL(configured);
  const file = given.searchParams.get(parameter);
  if (file === null) {
    return { url: () => configured, hasOther: () => false };
  }
  given.searchParams.delete(parameter);
  let newest = given.href;
  let before: string | undefined;
  let chosen = newest;
  const refresh = () => {
    const read = readUrl(file, given);
    if (read !== undefined && read !== newest) {
      before = chosen;
      newest = read;
      chosen = read;
    }
  };
  return {
    url() {
      refresh();
      return chosen;
    },
    hasOther(refused, error) {
      if (!isPasswordRefused(error)) {
        return false;
      }
      refresh();
      if (chosen === refused && before !== undefined) {
        chosen = chosen === newest ? before : newest;
      }
      return chosen !== refused;
    },
  };
}

const parameter = "sagacart_url_file";

/** Returns the URL with the user and the password in the file; undefined while the file cannot be read. */
function readUrl(file: string, given: URL): string | undefined {
  try {
    const read = new URL(readFileSync(file, "utf8").trim());
    const url = new URL(given);
    url.username = read.username;
    url.password = read.password;
    return url.href;
  } catch {
    return undefined;
  }
}

/** Returns true for invalid_password and invalid_authorization_specification, of the error or its causes. */
function isPasswordRefused(error: unknown): boolean {
  for (let depth = 0, at = error; depth < 5 && at instanceof Error; depth++, at = at.cause) {
    if ("code" in at && (at.code === "28P01" || at.code === "28000")) {
      return true;
    }
  }
  return false;
}
