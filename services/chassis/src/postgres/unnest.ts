/** Values that each column type takes; null and undefined become NULL. `jsonb` takes text that is JSON already. */
type Values = {
  text: string;
  "char(3)": string;
  uuid: string;
  jsonb: string;
  boolean: boolean;
  smallint: number;
  int: number;
  bigint: bigint | number;
  timestamptz: Date | string;
  bytea: Uint8Array;
};

type Column<Row> = {
  [Type in keyof Values]: readonly [type: Type, value: (row: Row) => Values[Type] | null | undefined];
}[keyof Values];

export type Unnest<Row> = {
  /** The columns' names: `id, name`. For the column list of an insert. */
  readonly columns: string;
  /** A table expression: `unnest($1::uuid[], $2::text[]) as new (id, name)`. */
  readonly table: string;
  /** One array for each column, in the order of the parameters in `table`. */
  values(rows: readonly Row[]): unknown[][];
};

/**
 * Makes a table of rows for one statement, whatever their number: each column is one array parameter. Call it once, where
 * the statement is written, so that its text stays the same. `first` is the number of the first parameter.
 *
 *     const people = unnest<Person>("new", { id: ["uuid", ({ id }) => id], name: ["text", ({ name }) => name] });
 *     await db.query(`insert into people (${people.columns}) select * from ${people.table}`, people.values(rows));
 */
export function unnest<Row>(alias: string, spec: Readonly<Record<string, Column<Row>>>, first = 1): Unnest<Row> {
  const columns = Object.keys(spec).join(", ");
  const parts = Object.values(spec);
  const parameters = parts.map(([type], index) => `$${first + index}::${type}[]`).join(", ");
  return {
    columns,
    table: `unnest(${parameters}) as ${alias} (${columns})`,
    values: (rows) => parts.map(([, value]) => rows.map((row) => value(row))),
  };
}
