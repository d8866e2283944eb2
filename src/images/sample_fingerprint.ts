/**
 * A hash of the sample, which is part of the Postgres image. It is a constant, so that a server knows the name of its image
 * without generating the sample; a test compares it with the generated sample.
 */
export const SAMPLE_FINGERPRINT = "8cb4f7b254855d76cbbcc92a44d2063ddf7c18bbbf42c17bd823fbdfb7905fea";
