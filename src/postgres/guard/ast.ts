/** An object of a parse tree. */
export type Fields = Readonly<Record<string, unknown>>;

/** A node of a parse tree with its kind. */
export interface Node {
  readonly kind: string;
  readonly fields: Fields;
}

/** Says whether a value is an object. @param value Anything. @returns Whether it is a non-null, non-array object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Opens a `{ Kind: { … } }` wrapper.
 *
 * @param value A wrapped node.
 * @returns The node, or undefined for any other value.
 */
export function asNode(value: unknown): Node | undefined {
  if (!isFields(value)) return undefined;
  let node: Node | undefined;
  for (const kind in value) { // not Object.entries(): a tree has up to a million nodes
    const fields = value[kind];
    if (node !== undefined || !isFields(fields)) return undefined;
    node = { kind, fields };
  }
  return node;
}

/** Reads a field that is text. @param value A field. @returns The text; empty if the tree leaves the default out. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Reads a list. @param value A field. @returns Its items; an empty list if the tree leaves it out. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Reads a list of names. @param value A list of String nodes. @returns The names; undefined if there is another kind of node. */
export function namesOf(value: unknown): readonly string[] | undefined {
  const names: string[] = [];
  for (const item of listOf(value)) {
    const node = asNode(item);
    if (node?.kind !== "String") return undefined;
    names.push(textOf(node.fields["sval"]));
  }
  return names;
}

/**
 * Reads the parts of a column's name.
 *
 * @param column The fields of a ColumnRef.
 * @returns The names; undefined in the place of a star.
 */
export function partsOf(column: Fields): readonly (string | undefined)[] {
  return listOf(column["fields"]).map((part) => {
    const node = asNode(part);
    return node?.kind === "String" ? textOf(node.fields["sval"]) : undefined;
  });
}

/**
 * Reads a bare constant. Not through a cast, which may change the value: `'1'::numeric(2,-1)` is 0.
 *
 * @param value A wrapped expression.
 * @returns The constant as text; undefined for NULL and for anything else.
 */
export function constantOf(value: unknown): string | undefined {
  const node = asNode(value);
  if (node === undefined) return undefined;
  const { kind, fields } = node;
  switch (kind) {
    case "String":
      return textOf(fields["sval"]);
    case "Integer":
      return String(fields["ival"] ?? 0);
    case "Float":
      return textOf(fields["fval"]);
    case "Boolean":
      return fields["boolval"] === true ? "on" : "off";
    case "A_Const":
      return innerConstant(fields);
    default:
      return undefined;
  }
}

function innerConstant(fields: Fields): string | undefined {
  const { sval, ival, fval, boolval } = fields;
  if (isFields(sval)) return textOf(sval["sval"]);
  if (isFields(ival)) return String(ival["ival"] ?? 0);
  if (isFields(fval)) return textOf(fval["fval"]);
  if (isFields(boolval)) return boolval["boolval"] === true ? "on" : "off";
  return undefined;
}
