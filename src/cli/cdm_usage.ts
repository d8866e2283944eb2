/** How `omcp cdm` is called. */
import { OmcpError } from "../errors.ts";
import { ownCommand } from "../lib/own_command.ts";

/** The text of `omcp cdm --help`. */
export const USAGE =
  `omcp cdm load DIR [options]        load a folder of OMOP CDM files: person.csv, CONCEPT.csv.gz …
omcp cdm sample [options]          load a synthetic CDM 5.4
omcp cdm list                      list the local CDMs: version, age, size, who uses them
  --persons N --seed S             the number of persons (1000), the seed (1)
omcp cdm list                      list the local CDMs: version, age, size, users
omcp cdm list                      list the local CDMs: version, age, size, who uses them
omcp cdm remove local:NAME         remove a local CDM with all its data, unless it is in use

Where to load, one of:
  --into local:NAME                a volume of the container engine; serve it with OMCP_DATABASE_URL=local:NAME
  --database-url URL               a Postgres, with a user that may create schemas. OMCP_ADMIN_URL is safer: other users can see arguments
    --schema NAME                  the schema to create there (cdm)
    --reader ROLE                  lets this role read it; without it, the load prints the SQL that creates a role

  --replace                        replace an existing CDM
  --cdm-version 5.3|5.4            the files' CDM version; detected by default
  --rejects DIR                    write rejected rows to this folder, one CSV file per table. They contain patients' data

Files are .csv, .tsv or .txt, plain or gzipped, in UTF-8, with a header; columns in any order, separated by TABs (as in downloaded
vocabularies), commas, semicolons or bars. An empty field is NULL, a quoted empty field is the empty text; in columns of numbers and
dates NA, NaN, NULL and the like are NULL too. A load is atomic: if it fails, it changes nothing.
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
