/**
 * A sandbox may write XML and not read it. PostgreSQL's functions that build XML copy and escape. Those that read it call
 * libxml2, which does not look for a cancel: an element with 60,000 attributes, or an XPath over 20,000 elements, keeps a
 * session busy for seconds beyond its statement_timeout, and neither a cancel nor pg_terminate_backend() ends it.
 */
import { asNode, type Fields, namesOf, textOf } from "./ast.ts";
import { Refusal } from "./refusal.ts";

/** Forms of XmlExpr that build; of the others, XMLPARSE and IS DOCUMENT, each reads. */
const BUILDING: ReadonlySet<string> = new Set([
  "IS_XMLCONCAT",
  "IS_XMLELEMENT",
  "IS_XMLFOREST",
  "IS_XMLPI",
  "IS_XMLROOT",
]);
const FUNCTIONS: ReadonlySet<string> = new Set(["xmlagg", "xmlcomment", "xmltext"]);

/** What to do instead of reading XML in SQL. */
export const READ_XML_HINT = "Select the text and read it in Python, for example with xml.etree.ElementTree";

/** The XML of one statement. */
export class XmlValues {
  #builds = false;
  #untypedParameter = false;
  /** Parameters whose type a cast gives. */
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
      case "FuncCall":
        if (FUNCTIONS.has(namesOf(fields["funcname"])?.at(-1) ?? "")) this.#builds = true;
        break;
      case "TypeCast": {
        const arg = asNode(fields["arg"]);
        if (arg?.kind === "ParamRef") this.#typed.add(arg.fields);
        break;
      }
      case "ParamRef":
        if (!this.#typed.has(fields)) this.#untypedParameter = true;
        break;
      default:
    }
  }

  /**
   * Checks the whole statement. Beside XML, PostgreSQL takes a parameter without a type for XML and reads its value.
   *
   * @throws {Refusal} A parameter could be read as XML.
   */
  check(): void {
    if (!this.#builds || !this.#untypedParameter) return;
    throw new Refusal(
      "a parameter without a type is not allowed in a statement that builds XML: it could be read as XML",
      "Write the parameter's type, such as $1::integer or $1::text",
    );
  }
}

function reads(what: string): Refusal {
  return new Refusal(`${what} is not allowed: reading XML cannot be cancelled`, READ_XML_HINT);
}
