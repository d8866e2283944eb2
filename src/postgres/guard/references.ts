import { asNode, type Fields, isFields, listOf, namesOf, partsOf, textOf } from "./ast.ts";
import { FUNCTION_COLUMNS, FUNCTIONS } from "./functions.ts";
import { Refusal } from "./refusal.ts";
import type { GuardPolicy } from "./types.ts";

/** `g.f` calls the function f where g is a table function, or a row, without a column f: such names must be columns. */
export class References {
  /** Columns that each alias of a table function has. */
  readonly #functionAliases = new Map<string, Set<string>[]>();
  readonly #references: (readonly [alias: string, column: string])[] = [];

  /** Notes what a table function's columns are called. @param fields The fields of a RangeFunction. */
  noteFunction(fields: Fields): void {
    const alias = fields["alias"];
    const aliasName = isFields(alias) ? textOf(alias["aliasname"]) : undefined;
    const given = isFields(alias) ? namesOf(alias["colnames"]) ?? [] : [];
    const columns = new Set<string>([...given, "ordinality"]);
    const aliases = new Set(aliasName === undefined ? [] : [aliasName]);
    for (const item of listOf(fields["functions"])) {
      const call = asNode(listOf(asNode(item)?.fields["items"])[0]);
      const name = namesOf(call?.fields["funcname"])?.at(-1);
      if (call?.kind !== "FuncCall" || name === undefined) {
        // FROM takes CURRENT_DATE, CAST and the like too. The name of their column depends on what is within, so only given
        // names count, and they need an alias.
        if (aliasName === undefined) {
          throw new Refusal(
            "an expression in FROM needs an alias",
            "Write FROM current_date AS d(day), or move it into the SELECT list",
          );
        }
        continue;
      }
      if (aliasName === undefined) aliases.add(name);
      // A function whose result has a name (json_array_elements: "value") gives it to the column, whatever the alias.
      const own = FUNCTION_COLUMNS.get(name);
      for (const column of own ?? []) columns.add(column);
      if (given.length === 0 && own === undefined && FUNCTIONS.has(name)) columns.add(aliasName ?? name);
    }
    for (const item of listOf(fields["coldeflist"])) columns.add(textOf(asNode(item)?.fields["colname"]));
    for (const name of aliases) {
      const known = this.#functionAliases.get(name) ?? [];
      known.push(columns);
      this.#functionAliases.set(name, known);
    }
  }

  /** Notes a name with a dot. @param fields The fields of a ColumnRef. */
  noteColumn(fields: Fields): void {
    const names = partsOf(fields);
    const [alias, column] = names.slice(-2);
    if (names.length > 1 && alias !== undefined && column !== undefined) {
      this.#references.push([alias, column]);
    }
  }

  /**
   * Checks all that was noted.
   *
   * @param policy The site's own functions.
   * @throws {Refusal} A name could call a function.
   */
  check(policy: GuardPolicy): void {
    for (const [alias, column] of this.#references) {
      if (policy.rowFunctions?.has(column) === true) {
        throw new Refusal(
          `"${alias}.${column}" could call the site's own function "${column}"`,
          "Name the column without its table",
        );
      }
      const functions = this.#functionAliases.get(alias) ?? [];
      if (functions.every((columns) => columns.has(column))) continue;
      throw new Refusal(
        `"${alias}.${column}" could call a function named "${column}"`,
        `Name the columns of the table function: AS ${alias}(${column})`,
      );
    }
  }
}
