/** A UUIDv7: sorts by the time it was made, is safe to make anywhere, and keeps B-tree inserts at the right edge. */
export { v7 as uuidv7 } from "uuid";
