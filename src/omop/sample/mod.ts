/** A synthetic OMOP CDM 5.4 population from a seed. */
export {
  MAX_PERSONS,
  SAMPLE_CDM_VERSION,
  SAMPLE_PERSONS,
  SAMPLE_SEED,
  SAMPLE_VERSION,
  type SampleChunk,
  sampleFiles,
  type SampleOptions,
  sampleTables,
} from "./sample.ts";
