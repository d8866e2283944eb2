/** The skills that the server publishes, by the protocol's skills extension; clients without it read them as resources. */
import {
  memorySkillFiles,
  type SkillCatalog,
  SkillsExtension,
} from "@modelcontextprotocol/server/ext/skills";
import omopAnalysis from "../../skills/omop-analysis/SKILL.md" with { type: "text" };

/** The files of `skills/`, by their paths there. */
const FILES = { "omop-analysis/SKILL.md": omopAnalysis };

/** All skills; `attach()` adds them to a server that is not connected yet. */
export const SKILLS: SkillCatalog = await SkillsExtension.load(memorySkillFiles(FILES), {
  strict: true,
  // The files are those of this version: they change with the server only.
  cacheHint: { ttlMs: 3_600_000, cacheScope: "public" },
});
