/** Ends the connection with this error for the client. */
export class ConnectionEnd extends Error {
  override readonly name = "ConnectionEnd";
  readonly sqlstate: string;
  readonly hint?: string;

  /**
   * @param sqlstate The client's error code.
   * @param message Its message.
   * @param hint What to do, if that is not obvious.
   */
  constructor(sqlstate: string, message: string, hint?: string) {
    super(message);
    this.sqlstate = sqlstate;
    if (hint !== undefined) this.hint = hint;
  }
}
