/** Finds broken links and paths in a Markdown file. */
import type { ReadText } from "./read_text.ts";

/** A path of the repository in a code span. */
const PATH = /^(?:\.ci|docs|examples|images|scripts|src|tests)\/[\w./-]*$/;

/**
 * @param path The file, relative to the project's folder.
 * @param read Reads a file.
 * @returns A line for each problem.
 */
export function markdownProblems(path: string, read: ReadText): string[] {
  const text = withoutFences(read(path) ?? "");
  const problems: string[] = [];
  for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z][a-z+.-]*:/i.test(target)) continue;
    const [file = "", anchor] = target.split("#");
    const found = file === "" ? path : new URL(decodeURIComponent(file), `file:///${path}`).pathname.slice(1);
    const content = read(found);
    if (content === undefined) problems.push(`${path}: the link ${target} leads nowhere`);
    else if (anchor !== undefined && found.endsWith(".md") && !anchors(content).has(anchor)) {
      problems.push(`${path}: the link ${target} names no heading`);
    }
  }
  if (path.startsWith("docs/") && !path.startsWith("docs/decisions/")) {
    for (const [, span = ""] of text.matchAll(/`([^`\n]+)`/g)) {
      if (PATH.test(span) && read(span) === undefined) problems.push(`${path}: there is no \`${span}\``);
    }
  }
  return problems;
}

function withoutFences(text: string): string {
  return text.replace(/^(```|~~~)[^]*?^\1/gm, "");
}

/** The anchors that GitHub gives to headings. */
function anchors(markdown: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ""] of withoutFences(markdown).matchAll(/^#{1,6} +(.*)$/gm)) {
    const slug = heading.trim().toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, "").replaceAll(" ", "-");
    let unique = slug;
    for (let n = 1; found.has(unique); n += 1) unique = `${slug}-${n}`;
    found.add(unique);
  }
  return found;
}
