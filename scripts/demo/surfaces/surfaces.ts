import type { Story } from "../story.ts";
import { styx } from "./a.ts";
import { wippy } from "./b.ts";
import { flask } from "./c.ts";
import { dapr } from "./d.ts";
import { pythonCart } from "./e.ts";

/** A story for each system whose REST API the gateway serves. */
export const surfaceStories: readonly Story[] = [styx, wippy, flask, dapr, pythonCart];
