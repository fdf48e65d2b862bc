import type { Story } from "../stories.ts";
import { styx } from "./a.ts";
import { wippy } from "./b.ts";
import { flask } from "./c.ts";
import { dapr } from "./d.ts";
import { pythonCart } from "./e.ts";

/** The stories of the systems whose surfaces the gateway speaks, each over that one's own REST. */
export const surfaceStories: readonly Story[] = [styx, wippy, flask, dapr, pythonCart];
