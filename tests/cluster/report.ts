/** The result of a scenario. */
export type Result = {
  readonly name: string;
  readonly outcome: "PASS" | "FAIL" | "SKIP";
  readonly seconds: number;
  /** The measurements, or the reason for failing or being skipped. */
  readonly said: readonly string[];
};

/** Returns the table at the end, with one line for each measurement. */
export function table(results: readonly Result[]): string {
  const width = Math.max(...results.map(({ name }) => name.length), 8);
  const lines = results.flatMap(({ name, outcome, seconds, said }) => {
    const head = `${outcome}  ${name.padEnd(width)}  ${seconds.toFixed(0).padStart(5)} s  `;
    const [first = "", ...more] = said;
    return [`${head}${first}`, ...more.map((line) => `${" ".repeat(head.length)}${line}`)];
  });
  const count = (outcome: Result["outcome"]) => results.filter((result) => result.outcome === outcome).length;
  return [
    ...lines,
    "",
    `${count("PASS")} scenarios passed, ${count("FAIL")} failed, ${count("SKIP")} were skipped`,
  ].join("\n");
}
