/** C1 controls and DEL, which terminals obey; characters that some readers treat as a line's end; characters that reorder text. */
const SPECIAL = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Escapes characters that JSON allows but that could hide or forge a line on a screen: code in a sandbox chooses the names in
 * an SQL text.
 *
 * @param json JSON.
 * @returns JSON of the same value.
 */
export function escapedLine(json: string): string {
  return json.replace(SPECIAL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * A line of the log that LogTape does not write: it has the fields of LogTape's own lines, in their order.
 *
 * @param level The level, in LogTape's words.
 * @param logger The logger's name.
 * @param message The message.
 * @param properties What else the line has.
 * @returns The line with its line feed.
 */
export function logLine(
  level: "INFO" | "WARN",
  logger: string,
  message: string,
  properties: Readonly<Record<string, string | number | null>>,
): string {
  const fields = { "@timestamp": new Date().toISOString(), level, message, logger, properties };
  return `${escapedLine(JSON.stringify(fields))}\n`;
}
