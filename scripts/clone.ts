import { fileURLToPath } from "node:url";

/** The root of the clone: the folder with charts/, services/ and so on. */
export const cloneFolder = fileURLToPath(new URL("..", import.meta.url));
