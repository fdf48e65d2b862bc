/** How a scenario ended. */
export type Result = {
  readonly name: string;
  readonly outcome: "PASS" | "FAIL" | "SKIP";
  readonly seconds: number;
  /** The measurements, or the reason for failing or being skipped. */
  readonly said: readonly string[];
};

/** The table at the end, one line for each thing that was measured. */
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
    `${count("PASS")} scenarios held, ${count("FAIL")} did not, ${count("SKIP")} were left out`,
  ].join("\n");
}
