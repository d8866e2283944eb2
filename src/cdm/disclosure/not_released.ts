/** What an error leaves where a table cannot be released. An analysis or a percentile asks for several tables, one after the other. */
export const NOT_RELEASED = "Nothing of this table was released; what was released before it stays free.";
