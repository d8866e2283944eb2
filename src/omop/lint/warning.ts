/** What a rule has to say. */
export interface LintWarning {
  /** The rule's stable id, such as `fan-out`. */
  readonly rule: string;
  /** What is wrong, as a clause. */
  readonly problem: string;
  /** What to do, as a clause. */
  readonly fix: string;
}

/**
 * A warning as a line of an answer.
 *
 * @param warning The warning.
 */
export function warningLine({ rule, problem, fix }: LintWarning): string {
  return `Warning [${rule}]: ${problem}. ${fix}.`;
}
