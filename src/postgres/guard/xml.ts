/**
 * A sandbox may write XML and not read it. PostgreSQL's functions that build XML copy and escape. Functions that read XML call libxml2, which
 * ignores cancels. An element with 60,000 attributes, or an XPath over 20,000 elements, keeps a session busy for seconds beyond its
 * statement_timeout, and neither a cancel nor pg_terminate_backend() ends it.
 */
import { asNode, constantOf, type Fields, isFields, listOf, namesOf, textOf } from "./ast.ts";
import { Refusal } from "./refusal.ts";

/** Forms of XmlExpr that build; the others, XMLPARSE and IS DOCUMENT, read. */
const BUILDING: ReadonlySet<string> = new Set([
  "IS_XMLCONCAT",
  "IS_XMLELEMENT",
  "IS_XMLFOREST",
  "IS_XMLPI",
  "IS_XMLROOT",
]);
const FUNCTIONS: ReadonlySet<string> = new Set(["xmlagg", "xmlcomment", "xmltext"]);
/** Members of {@link BUILDING} and {@link FUNCTIONS} that write a constant as text, with its markup escaped. */
const WRITING: ReadonlySet<string> = new Set([
  "IS_XMLELEMENT",
  "IS_XMLFOREST",
  "IS_XMLPI",
  "xmlcomment",
  "xmltext",
]);

/** What to do instead of reading XML in SQL. */
export const READ_XML_HINT = "Select the text and read it in Python, for example with xml.etree.ElementTree";

/** The XML of one statement. */
export class XmlValues {
  #builds = false;
  #untypedParameter = false;
  #untypedMarkup = false;
  /** Parameters and constants that certainly are not XML. */
  readonly #typed = new Set<Fields>();

  /**
   * Checks a node and notes it.
   *
   * @param kind The node's kind.
   * @param fields The node's fields.
   * @throws {Refusal} It would read XML.
   */
  enter(kind: string, fields: Fields): void {
    switch (kind) {
      case "XmlExpr":
        if (!BUILDING.has(textOf(fields["op"]))) {
          throw reads(fields["op"] === "IS_DOCUMENT" ? "IS DOCUMENT" : "XMLPARSE");
        }
        this.#builds = true;
        this.#noteWritten(textOf(fields["op"]), fields);
        break;
      case "XmlSerialize":
        if (fields["xmloption"] !== "XMLOPTION_CONTENT" || fields["indent"] === true) {
          throw new Refusal(
            "XMLSERIALIZE with DOCUMENT or INDENT is not allowed: it reads XML, which cannot be cancelled",
            "XMLSERIALIZE(CONTENT … AS text) is allowed",
          );
        }
        this.#builds = true;
        break;
      case "FuncCall": {
        const name = namesOf(fields["funcname"])?.at(-1) ?? "";
        if (FUNCTIONS.has(name)) this.#builds = true;
        this.#noteWritten(name, fields);
        break;
      }
      case "TypeCast": {
        const type = isFields(fields["typeName"]) ? namesOf(fields["typeName"]["names"])?.at(-1) : undefined;
        // A cast to unknown leaves the type open.
        if (type !== undefined && type !== "unknown") this.#noteTyped(fields["arg"]);
        break;
      }
      case "A_Const":
        // Without "<" there is no element and no declaration: nothing that takes long to read.
        if (!this.#typed.has(fields) && constantOf({ A_Const: fields })?.includes("<") === true) {
          this.#untypedMarkup = true;
        }
        break;
      case "ParamRef":
        if (!this.#typed.has(fields)) this.#untypedParameter = true;
        break;
      default:
    }
  }

  /**
   * Checks the whole statement. Beside XML, PostgreSQL takes a parameter or constant without a type for XML and reads its value.
   *
   * @throws {Refusal} A parameter or constant could be read as XML.
   */
  check(): void {
    if (!this.#builds) return;
    if (this.#untypedParameter) {
      throw new Refusal(
        "a parameter without a type is not allowed in a statement that builds XML: it could be read as XML",
        "Write the parameter's type, such as $1::integer or $1::text",
      );
    }
    if (this.#untypedMarkup) {
      throw new Refusal(
        'a constant with "<" and without a type is not allowed in a statement that builds XML: it could be read as XML',
        "Write its type, such as 'a<b'::text, or build the element with XMLELEMENT",
      );
    }
  }

  /** Notes the arguments of what writes them as text. */
  #noteWritten(writer: string, fields: Fields): void {
    if (!WRITING.has(writer)) return;
    for (const argument of listOf(fields["args"])) this.#noteConstant(argument);
    for (const named of listOf(fields["named_args"])) this.#noteConstant(asNode(named)?.fields["val"]);
  }

  #noteConstant(value: unknown): void {
    if (asNode(value)?.kind === "A_Const") this.#noteTyped(value);
  }

  #noteTyped(value: unknown): void {
    const node = asNode(value);
    if (node !== undefined) this.#typed.add(node.fields);
  }
}

function reads(what: string): Refusal {
  return new Refusal(`${what} is not allowed: reading XML cannot be cancelled`, READ_XML_HINT);
}
