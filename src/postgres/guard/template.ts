/** SQL that the guard writes around a client's expression, and recognises by its shape when it checks the result. */
import { asNode, isFields, listOf } from "./ast.ts";
import { parseStatements } from "./parser.ts";
import { quoteName } from "./rewrite.ts";
import { shapeOf } from "./tree_shape.ts";

/** Placeholders of the expression and of the column's name while the shape is made. */
const ARGUMENT = "omcp_argument";
const NAME = "omcp_name";
/** PostgreSQL's texts have no NUL. */
const GAP = "\0";

type Path = readonly string[];

/** What a template is like once it is parsed. */
interface Parsed {
  readonly shape: string;
  readonly toArgument: Path;
  /** Undefined for a template without a name. */
  readonly toName: Path | undefined;
  /** Both paths as a text: equal for templates with the same places. */
  readonly places: string;
}

/** What an expression has in the argument's place, and its shape with placeholders; undefined if there is no such place. */
interface Opened {
  readonly argument: unknown;
  readonly shape: string | undefined;
}

/** One expression as templates have opened it, by their places: a shape is long, and most templates have the same places. */
export type Openings = Map<string, Opened>;

/** An expression of SQL with a place for another one. */
export class Template {
  readonly #write: (argument: string, name: string) => string;
  #made: Parsed | undefined;

  /** @param write Makes the SQL of an expression from that of its argument, and a quoted name for its column. */
  constructor(write: (argument: string, name: string) => string) {
    this.#write = write;
  }

  /**
   * What to write around an expression.
   *
   * @param name What the result's column is called, if the template names it.
   * @returns What goes before and behind it.
   */
  around(name = ""): readonly [before: string, after: string] {
    const [before = "", after = ""] = this.#write(GAP, quoteName(name)).split(GAP);
    return [before, after];
  }

  /**
   * Finds the argument in an expression that has been made from this template.
   *
   * @param expression A wrapped node.
   * @param openings The same for several templates that look at the same expression.
   * @returns The wrapped argument; undefined for any other expression.
   */
  argumentIn(expression: unknown, openings: Openings = new Map()): unknown {
    const { shape, places } = this.#parsed;
    const opened = openings.get(places) ?? this.#open(expression);
    openings.set(places, opened);
    return opened.shape === shape ? opened.argument : undefined;
  }

  #open(expression: unknown): Opened {
    const { toArgument, toName } = this.#parsed;
    const argument = at(expression, toArgument);
    if (argument === undefined) return { argument, shape: undefined };
    const named = toName === undefined ? expression : withAt(expression, toName, NAME);
    return { argument, shape: shapeOf(withAt(named, toArgument, PLACEHOLDER)) };
  }

  get #parsed(): Parsed {
    if (this.#made !== undefined) return this.#made;
    const select = parseStatements(`SELECT ${this.#write(`'${ARGUMENT}'`, NAME)}`)[0]?.tree;
    const target = asNode(listOf(asNode(select)?.fields["targetList"])[0])?.fields["val"];
    const toArgument = pathTo(target, (value) => shapeOf(value) === shapeOf(PLACEHOLDER));
    if (toArgument === undefined) throw new Error("Cannot make a template: it has no argument");
    const toName = pathTo(target, (value) => value === NAME);
    const places = JSON.stringify([toArgument, toName]);
    return this.#made = { shape: shapeOf(target), toArgument, toName, places };
  }
}

const PLACEHOLDER = { A_Const: { sval: { sval: ARGUMENT } } };

function entriesOf(tree: unknown): readonly (readonly [key: string, value: unknown])[] {
  return Array.isArray(tree) || isFields(tree) ? Object.entries(tree) : [];
}

/** The keys that lead to the first value that a test accepts. */
function pathTo(tree: unknown, test: (value: unknown) => boolean): Path | undefined {
  if (test(tree)) return [];
  for (const [key, value] of entriesOf(tree)) {
    const rest = pathTo(value, test);
    if (rest !== undefined) return [key, ...rest];
  }
  return undefined;
}

/** The value at a path; undefined if there is no such place. */
function at(tree: unknown, path: Path): unknown {
  let value = tree;
  for (const key of path) {
    if (Array.isArray(value)) value = value[Number(key)];
    else if (isFields(value)) value = value[key];
    else return undefined;
  }
  return value;
}

/** A copy of a tree with another value in one place; undefined if there is no such place. */
function withAt(tree: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const entries = entriesOf(tree);
  const found = entries.find(([name]) => name === key);
  const inner = found === undefined ? undefined : withAt(found[1], rest, value);
  if (inner === undefined) return undefined;
  const copy = entries.map(([name, old]) => [name, name === key ? inner : old] as const);
  return Array.isArray(tree) ? copy.map(([, item]) => item) : Object.fromEntries(copy);
}
