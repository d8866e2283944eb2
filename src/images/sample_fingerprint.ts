/**
 * A hash of the sample, which is part of the Postgres image. It is written down, so that a server which looks for its image does not
 * generate data; a test computes it.
 */
export const SAMPLE_FINGERPRINT = "8cb4f7b254855d76cbbcc92a44d2063ddf7c18bbbf42c17bd823fbdfb7905fea";
