/** The names in the guest book, in the order of signing. */
export const entries: string[] = [];
