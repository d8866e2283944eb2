/** The options of `omcp audit`, which the launcher reads, too: the folders become permissions. */
export const AUDIT_OPTIONS = {
  from: { type: "string" },
  holds: { type: "string", multiple: true },
} as const;
