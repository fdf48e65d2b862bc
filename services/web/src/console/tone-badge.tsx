import { Badge } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./console.module.css";

/** How good or bad it is what a badge says. */
export type Tone = "good" | "bad" | "neutral";

/** A short word with a border in the color of its tone; the word itself has the color of all text, which is easy to read. */
export function ToneBadge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <Badge variant="default" size="sm" className={tone === "neutral" ? "" : classes[`${tone}Badge`]}>
      {children}
    </Badge>
  );
}
