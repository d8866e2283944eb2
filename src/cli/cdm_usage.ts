/** How `omcp cdm` is called. */
import { OmcpError } from "../errors.ts";
import { ownCommand } from "../lib/own_command.ts";

/** The text of `omcp cdm --help`. */
export const USAGE =
  `omcp cdm load DIR [options]        load a folder of OMOP CDM files: person.csv, CONCEPT.csv.gz …
omcp cdm sample [options]          load a synthetic CDM 5.4
  --persons N --seed S             the number of persons (1000), the seed (1)
omcp cdm list                      list the local CDMs: version, age, size, who uses them, whether their load has ended
omcp cdm remove local:NAME         remove a local CDM with all its data, unless it is in use

Where to load, one of:
  --into local:NAME                a volume of the container engine; serve it with OMCP_DATABASE_URL=local:NAME
  --database-url URL               a Postgres, with a user that may create schemas. OMCP_ADMIN_URL is safer: other users can see arguments
    --schema NAME                  the schema to create there (cdm)
    --reader ROLE                  lets this role read it; without it, the load prints the SQL that creates a role

  --replace                        replace an existing CDM; the remnant of a killed load is replaced without this option
  --cdm-version 5.3|5.4            the files' CDM version; detected by default
  --rejects DIR                    write rejected rows to this folder, one CSV file per table. They contain patients' data
  --truncate                       cut texts to their columns' lengths, and count them; without it their rows are rejected
  --format [TABLE=]FORMAT          what quotes and backslashes mean, if the load asks for it:
                                   csv       quotes enclose fields, as pandas, DuckDB and R write them
                                   unquoted  both are text, as in downloaded vocabularies
                                   copy      backslashes begin escapes, as in the text format of COPY
  --null [TABLE=]WORD              the unquoted word that is NULL in columns of text, too, such as NA; "" for the quoted empty field.
                                   With --null TABLE= (no word), words such as NA are text in columns of text

Files are .csv, .tsv or .txt, plain or gzipped, in UTF-8, with a header; columns in any order, separated by TABs, commas, semicolons
or bars. An empty field is NULL, and so is \\N; a quoted empty field is the empty text, and so is an empty one in COPY's format. In
columns of numbers and dates NA, NaN, NULL and the like are NULL too. Fractions of a second are cut to microseconds. A load reports
how it read the files and what it changed; if two readings fit, it refuses the file. It is atomic: if it fails, it changes nothing.
`;

/**
 * The error for a wrong call of `omcp cdm`.
 *
 * @param message What is wrong with it.
 */
export function wrongCall(message: string): OmcpError {
  return new OmcpError("invalid_argument", message, {
    state: "Nothing was done.",
    next: `See ${ownCommand("cdm --help")}.`,
  });
}
