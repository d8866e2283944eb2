/** Splits a formatted TypeScript file into its top-level statements, without a parser. */

/** A text and two masked copies, with the same offsets. */
export interface MaskedText {
  readonly text: string;
  /** Comments, and the contents of strings, templates and regular expressions, are replaced by spaces, line breaks included. */
  readonly code: string;
  /** Only comments are replaced by spaces. */
  readonly uncommented: string;
}

/** One top-level statement of a file. */
export interface Statement {
  /** What it declares; for an import, the local names. */
  readonly names: readonly string[];
  /** Offset of its first character. */
  readonly start: number;
  /** Offset after its last character. */
  readonly end: number;
}

/** A slash after one of these begins a regular expression; any other slash divides. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|of|in|await|yield))\s*$/;
/** How many characters before a slash the scanner reads. */
const LOOK_BACK = 40;

/**
 * Masks comments and literals.
 *
 * @param text TypeScript.
 */
export function mask(text: string): MaskedText {
  const code = [...text.split("")];
  const uncommented = [...text.split("")];
  function blank(target: string[], from: number, to: number): void {
    for (let at = from; at < to; at += 1) target[at] = " ";
  }
  /** Masks a string's content; returns the offset after the closing quote. */
  function string(from: number, quote: string): number {
    let at = from;
    while (at < text.length && text[at] !== quote && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
    blank(code, from, at);
    return at + 1;
  }
  function template(from: number): number {
    let at = from;
    let begin = from;
    while (at < text.length && text[at] !== "`") {
      if (text[at] === "\\") at += 2;
      else if (text.startsWith("${", at)) {
        blank(code, begin, at);
        at = scan(at + 2, "}");
        begin = at;
      } else at += 1;
    }
    blank(code, begin, at);
    return at + 1;
  }
  function regex(from: number): number {
    let at = from;
    let inClass = false;
    while (at < text.length && text[at] !== "\n" && (inClass || text[at] !== "/")) {
      if (text[at] === "[") inClass = true;
      if (text[at] === "]") inClass = false;
      at += text[at] === "\\" ? 2 : 1;
    }
    blank(code, from, at);
    return at + 1;
  }
  function comment(from: number, end: string, keep: number): number {
    const found = text.indexOf(end, from);
    const to = found === -1 ? text.length : found + keep;
    blank(code, from, to);
    blank(uncommented, from, to);
    return to;
  }
  /** Scans code up to an unmatched `until`, or to the end. */
  function scan(from: number, until?: string): number {
    let at = from;
    let depth = 0;
    while (at < text.length) {
      const sign = text[at];
      if (text.startsWith("//", at)) at = comment(at, "\n", 0);
      else if (text.startsWith("/*", at)) at = comment(at, "*/", 2);
      else if (sign === '"' || sign === "'") at = string(at + 1, sign);
      else if (sign === "`") at = template(at + 1);
      else if (sign === "/" && BEFORE_REGEX.test(code.slice(Math.max(0, at - LOOK_BACK), at).join(""))) {
        at = regex(at + 1);
      } else {
        if (sign === "{") depth += 1;
        if (sign === "}") {
          if (depth === 0 && until === "}") return at + 1;
          depth -= 1;
        }
        at += 1;
      }
    }
    return at;
  }
  scan(0);
  return { text, code: code.join(""), uncommented: uncommented.join("") };
}

/**
 * Splits a formatted file into its top-level statements: each begins at the first column, outside all brackets.
 *
 * @param masked The file.
 */
export function statements({ code }: MaskedText): Statement[] {
  const starts: number[] = [];
  let depth = 0;
  for (let at = 0; at < code.length; at += 1) {
    const sign = code[at] ?? "";
    const begins = at === 0 || code[at - 1] === "\n";
    if (begins && depth === 0 && /[^\s)\]}.;]/.test(sign)) starts.push(at);
    if ("([{".includes(sign)) depth += 1;
    if (")]}".includes(sign)) depth -= 1;
  }
  return starts.map((start, index) => {
    const body = code.slice(start, starts[index + 1] ?? code.length).trimEnd();
    return { names: declared(body), start, end: start + body.length };
  });
}

function declared(body: string): string[] {
  if (body.startsWith("import")) {
    const clause = /^import (?:type )?([^]*?)\bfrom\b/.exec(body)?.[1] ?? "";
    return clause.split(/[{},]/).map((part) => part.trim().replace(/^type /, "").replace(/^.* as /, ""))
      .filter((name) => /^[\w$]+$/.test(name));
  }
  const one =
    /^(?:export )?(?:default )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|var|interface|type|enum) ([\w$]+)/
      .exec(body)?.[1];
  if (one !== undefined) return [one];
  const several = /^(?:export )?(?:const|let|var) [{[]([^=]*?)[}\]]/.exec(body)?.[1];
  return several === undefined ? [] : several.split(",").map((name) => name.trim().replace(/^.*: /, ""));
}
