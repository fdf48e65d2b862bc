/** The name of an enum's value, as its generated constant spells it; the number if the value is not known here. */
export function enumName(values: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(values).find((name) => values[name] === value) ?? String(value);
}
