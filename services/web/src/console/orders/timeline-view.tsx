import { Badge, Text } from "@mantine/core";
import { useTexts } from "../../i18n/language.tsx";
import classes from "../console.module.css";
import type { TimelineEntry, TimelineKind } from "../timeline.ts";
import { timelineTexts } from "../timeline-texts.ts";
import { To } from "../to.tsx";
import { useShow } from "../use-show.ts";

/** Shows what happened, oldest first. */
export function Timeline({ entries }: { entries: readonly TimelineEntry[] }) {
  const text = useTexts(timelineTexts);
  const { actorText, preciseTime } = useShow();
  return (
    <ol className={classes.timeline}>
      {entries.map((entry) => {
        const parts = partsOf(entry);
        const actor = actorText(entry.actor);
        return (
          <li key={entry.key} className={`${classes.entry} ${entry.tone === "neutral" ? "" : classes[entry.tone]}`}>
            <span className={classes.when}>{preciseTime(entry.time)}</span>
            <span>
              <Badge size="sm" variant="default">
                {text.kinds[entry.kind]}
              </Badge>
            </span>
            <div>
              <Text size="sm" fw={600}>
                {parts === undefined ? entry.title : <To parts={parts}>{entry.title}</To>}
              </Text>
              {entry.detail !== "" && <Text size="sm">{entry.detail}</Text>}
              {actor !== "" && (
                <Text size="xs" c="dimmed">
                  {text.byWhom(actor)}
                </Text>
              )}
            </div>
          </li>
        );
      })}
    </ol>
  );
}

/** The page of the record that an entry is from. */
function partsOf({ kind, id }: TimelineEntry): readonly string[] | undefined {
  const folder = folders[kind];
  return folder === undefined || id === "" ? undefined : [folder, id];
}

const folders: Readonly<Partial<Record<TimelineKind, string>>> = {
  payment: "payments",
  ledger: "journal",
  incident: "incidents",
  message: "messages",
  webhook: "deliveries",
};
