/** SQLSTATEs the guard refuses with. */
export const SQLSTATE = {
  insufficientPrivilege: "42501",
  readOnlyTransaction: "25006",
  syntaxError: "42601",
  tooComplex: "54001",
  limitExceeded: "54000",
  invalidText: "22021",
  undefinedTable: "42P01",
  undefinedFunction: "42883",
} as const;

/** Thrown inside the guard where a statement must not pass; it never leaves the guard. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly sqlstate: string;
  readonly hint: string;

  /**
   * @param message What is refused and why, without a final period.
   * @param hint What to do instead.
   * @param sqlstate PostgreSQL's five-character code.
   */
  constructor(message: string, hint: string, sqlstate: string = SQLSTATE.insufficientPrivilege) {
    super(message);
    this.hint = hint;
    this.sqlstate = sqlstate;
  }
}
