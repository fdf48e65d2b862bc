/** The request for one's address book. It has at most 100 addresses, so that this is all of it. */
export const allAddresses = { userId: "me", pageSize: 200, pageToken: "" } as const;
