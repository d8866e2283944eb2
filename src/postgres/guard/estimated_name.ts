/** What the broker calls a statement that it prepares to have its cost estimated. */
export const ESTIMATED_NAME = "omcp_estimated";
