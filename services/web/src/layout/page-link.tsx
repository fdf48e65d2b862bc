import { Anchor, type AnchorProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { ComponentProps } from "react";

type Given = AnchorProps & Omit<ComponentProps<"a">, keyof AnchorProps>;

/** A link to a page of this site. The router checks its address and parameters. */
export const PageLink = createLink((given: Given) => <Anchor {...given} />);
