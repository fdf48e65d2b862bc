/** The tables of a service, in the order in which personal data is deleted from them. */
export type Tables = Readonly<Record<string, Table>>;

/** A table: with rows about persons, or without. */
export type Table = PersonalTable | { readonly columns: Readonly<Record<string, NotPersonal>>; readonly rows?: never };

export type PersonalTable = {
  /** The rows about a person. */
  readonly rows: {
    /** The SQL condition that finds them: `t` is the table, and `$1` the customer's id. */
    readonly whose: string;
    /** The name of these records in an export. */
    readonly section: string;
    /** The primary key, with its types: the order of an export. */
    readonly key: Readonly<Record<string, "text" | "bigint" | "integer" | "uuid" | "bytea">>;
    /** The SQL condition for rows that are still needed as they are, for example of an order that is under way. */
    readonly neededWhile?: string;
    /** True if the rows are deleted, false if columns of them are. */
    readonly areDeleted: boolean;
  };
  readonly columns: Readonly<Record<string, Column>>;
};

/** The decision about a column. */
export type Column = NotPersonal | Personal | Kept | Erased;

/** It says nothing about a person, or is nothing that an export must have, and goes with its row. */
export type NotPersonal = { readonly kind: "not personal"; readonly level: Level };

/** How far a column is protected: docs/security/data.md has the requirements of each level. */
export type Level = "public" | "internal" | "personal" | "secret";

/** It is about the person, and goes with its row. */
export type Personal = { readonly kind: "personal" };

/** It is about what the person did, and stays: it is part of the books, or a pseudonym, or a number or a time. */
export type Kept = { readonly kind: "kept"; readonly because: string };

/** It is about the person, and is overwritten. */
export type Erased = {
  readonly kind: "erased";
  /** The SQL expression to overwrite it with. */
  readonly to: string;
  /** The SQL condition for a value that is not overwritten yet; by default, one that differs from the expression. */
  readonly isLeft?: string;
  /** True if an export does not have it, for example a hash. */
  readonly isSecret?: boolean;
};

/** It is shown to anyone, for example a price. */
export const open: NotPersonal = { kind: "not personal", level: "public" };
/** It runs the shop: numbers, states, times, ids. */
export const internal: NotPersonal = { kind: "not personal", level: "internal" };
/** It is protected like personal data, but not exported: a hash of some, or the words of a provider. */
export const guarded: NotPersonal = { kind: "not personal", level: "personal" };
/** It opens something, or verifies what does: a key, a password's hash, a token's. */
export const secret: NotPersonal = { kind: "not personal", level: "secret" };
export const personal: Personal = { kind: "personal" };

/** Returns the level of a column. What is about a person is personal, also where it is kept under an id that leads to nobody. */
export function levelOf(column: Column): Level {
  return column.kind === "not personal" ? column.level : "personal";
}

export function kept(because: string): Kept {
  return { kind: "kept", because };
}

export function erased(to: string, options: Pick<Erased, "isLeft" | "isSecret"> = {}): Erased {
  return { kind: "erased", to, ...options };
}

/** Removes members from a JSON object. `json` is the SQL expression for the column as jsonb. */
export function without(
  members: readonly string[],
  { json, type = "jsonb" }: { json: string; type?: "jsonb" | "text" },
) {
  const names = `'{${members.join(",")}}'::text[]`;
  return erased(`(${json} - ${names})::${type}`, { isLeft: `${json} ?| ${names}` });
}

/** Returns the same decision for several columns; the names are separated by spaces. */
export function each<C extends Column>(names: string, column: C): Record<string, C> {
  return Object.fromEntries(names.split(/\s+/).map((name) => [name, column]));
}

/** The id under which books are kept. Once the account is deleted, it leads to nobody. */
export const pseudonym = kept("a random id that leads to nobody once the account is deleted");
export const books = kept("what was bought, paid and refunded must be kept for the tax office");
export const history = kept("a number, a state or a time without a person in it");
