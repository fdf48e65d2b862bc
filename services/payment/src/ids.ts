export const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Sorts behind every id. */
export const lastUuid = "ffffffff-ffff-ffff-ffff-ffffffffffff";
