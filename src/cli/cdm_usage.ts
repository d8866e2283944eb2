/** What `omcp cdm` takes. */
import { OmcpError } from "../errors.ts";
import { ownCommand } from "../lib/own_command.ts";

/** The text of `omcp cdm --help`. */
export const USAGE =
  `omcp cdm load DIR [options]        load a folder of OMOP CDM files: person.csv, CONCEPT.csv.gz …
omcp cdm sample [options]          load a synthetic CDM 5.4
  --persons N --seed S             of how many persons (1000), from which seed (1)
omcp cdm list                      list the local CDMs: version, age, size, who uses them
omcp cdm remove local:NAME         remove a local CDM with all its data, unless it is in use

Where to load, one of:
  --into local:NAME                a volume of the container engine; serve it with OMCP_DATABASE_URL=local:NAME
  --database-url URL               a Postgres, as a user that may create schemas. Safer in OMCP_ADMIN_URL: other users can see arguments
    --schema NAME                  the schema to make there (cdm)
    --reader ROLE                  lets this role read it; without it, the SQL that creates one is printed

  --replace                        replace a CDM that is there
  --cdm-version 5.3|5.4            of the files; detected without it
  --rejects DIR                    write rejected rows there, one CSV file per table. They hold patients' data

Files are .csv, .tsv or .txt, plain or gzipped, with a header; columns in any order; TABs (as vocabulary downloads have), commas,
semicolons or bars; UTF-8. An empty field is NULL, a quoted empty one the empty text; in columns that hold no text NA, NaN, NULL and
the like are NULL too. A load is atomic: one that fails changes nothing.
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
