/** How many days after its publication a vulnerability that has a fix may be in what is released, by severity. */
export const daysBySeverity: Readonly<Record<string, number>> = { CRITICAL: 3, HIGH: 14, MEDIUM: 30, LOW: 90 };

/** A report of Trivy, as far as it is read here. */
export type Report = {
  readonly ArtifactName?: string;
  readonly Results?: readonly { readonly Vulnerabilities?: readonly Vulnerability[] | null }[] | null;
};

type Vulnerability = {
  readonly VulnerabilityID: string;
  readonly PkgName: string;
  readonly InstalledVersion: string;
  readonly FixedVersion?: string;
  readonly Severity?: string;
  readonly PublishedDate?: string;
};

export type Due = {
  readonly image: string;
  readonly id: string;
  readonly component: string;
  readonly fixedIn: string;
  readonly severity: string;
  /** The last day, or "" if its severity or date is not known. Then it is overdue, until a person has looked at it. */
  readonly due: string;
  readonly isOverdue: boolean;
};

/** Returns the vulnerabilities that have a fix, the first ones due first. Throws if it is not a report of an image. */
export function dueIn({ ArtifactName: image = "", Results: results }: Report, now: Date): Due[] {
  if (image === "" || !Array.isArray(results)) {
    // An empty report would look like an image without vulnerabilities.
    throw new Error("this is not a report of Trivy about an image: it has no ArtifactName or no Results");
  }
  const found: Vulnerability[] = results.flatMap(({ Vulnerabilities: all }) => all ?? []);
  return found
    .filter(({ FixedVersion: fix = "" }) => fix !== "")
    .map((one) => {
      const { VulnerabilityID: id, PkgName: name, InstalledVersion: version, FixedVersion: fixedIn = "" } = one;
      const { Severity: severity = "UNKNOWN" } = one;
      const due = dueDay(one);
      const isOverdue = due === "" || due < now.toISOString().slice(0, 10);
      return { image, id, component: `${name} ${version}`, fixedIn, severity, due, isOverdue };
    })
    .toSorted((one, other) => (one.due < other.due ? -1 : 1));
}

function dueDay({ Severity: severity = "", PublishedDate: published = "" }: Vulnerability): string {
  const days = daysBySeverity[severity];
  const publishedMs = Date.parse(published);
  return days === undefined || Number.isNaN(publishedMs)
    ? ""
    : new Date(publishedMs + days * 86_400_000).toISOString().slice(0, 10);
}
