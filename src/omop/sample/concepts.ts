/**
 * The sample's small vocabulary: real concepts of the OMOP vocabularies with their ids and codes. The concepts of a block
 * share domain, vocabulary and class; an entry is id, code, name.
 */

/** Concepts that share domain, vocabulary and class. */
export interface ConceptBlock {
  readonly domain: string;
  readonly vocabulary: string;
  readonly conceptClass: string;
  /** Non-standard concepts, which map to standard ones. */
  readonly source?: boolean;
  readonly concepts: readonly (readonly [number, string, string])[];
}

/** The sample's concepts, without those of the vocabulary's own domains, vocabularies and relationships. */
export const CONCEPT_BLOCKS: readonly ConceptBlock[] = [
  {
    domain: "Metadata",
    vocabulary: "None",
    conceptClass: "Undefined",
    source: true,
    concepts: [[0, "No matching concept", "No matching concept"]],
  },
  {
    domain: "Metadata",
    vocabulary: "CDM",
    conceptClass: "CDM",
    concepts: [[756265, "CDM v5.4.0", "OMOP CDM Version 5.4.0"]],
  },
  {
    domain: "Gender",
    vocabulary: "Gender",
    conceptClass: "Gender",
    concepts: [[8507, "M", "MALE"], [8532, "F", "FEMALE"]],
  },
  {
    domain: "Race",
    vocabulary: "Race",
    conceptClass: "Race",
    concepts: [
      [8515, "2", "Asian"],
      [8516, "3", "Black or African American"],
      [8527, "5", "White"],
      [8657, "1", "American Indian or Alaska Native"],
    ],
  },
  {
    domain: "Ethnicity",
    vocabulary: "Ethnicity",
    conceptClass: "Ethnicity",
    concepts: [
      [38003563, "Hispanic", "Hispanic or Latino"],
      [38003564, "Not Hispanic", "Not Hispanic or Latino"],
    ],
  },
  {
    domain: "Visit",
    vocabulary: "Visit",
    conceptClass: "Visit",
    concepts: [
      [9201, "IP", "Inpatient Visit"],
      [9202, "OP", "Outpatient Visit"],
      [9203, "ER", "Emergency Room Visit"],
    ],
  },
  {
    domain: "Type Concept",
    vocabulary: "Type Concept",
    conceptClass: "Type Concept",
    concepts: [
      [32817, "OMOP4976890", "EHR"],
      [32827, "OMOP4976900", "EHR encounter record"],
      [32836, "OMOP4976909", "EHR physical examination"],
      [32838, "OMOP4976911", "EHR prescription"],
      [32856, "OMOP4976929", "Lab"],
    ],
  },
  {
    domain: "Unit",
    vocabulary: "UCUM",
    conceptClass: "Unit",
    concepts: [
      [8541, "/min", "per minute"],
      [8554, "%", "percent"],
      [8582, "cm", "centimeter"],
      [8713, "g/dL", "gram per deciliter"],
      [8753, "mmol/L", "millimole per liter"],
      [8840, "mg/dL", "milligram per deciliter"],
      [8876, "mm[Hg]", "millimeter mercury column"],
      [9529, "kg", "kilogram"],
      [9531, "kg/m2", "kilogram per square meter"],
      [720870, "mL/min/(173.10*-2.m2)", "milliliter per minute per 1.73 square meter"],
    ],
  },
  {
    domain: "Measurement",
    vocabulary: "LOINC",
    conceptClass: "Clinical Observation",
    concepts: [
      [3004249, "8480-6", "Systolic blood pressure"],
      [3012888, "8462-4", "Diastolic blood pressure"],
      [3025315, "29463-7", "Body weight"],
      [3027018, "8867-4", "Heart rate"],
      [3036277, "8302-2", "Body height"],
      [3038553, "39156-5", "Body mass index (BMI) [Ratio]"],
    ],
  },
  {
    domain: "Measurement",
    vocabulary: "LOINC",
    conceptClass: "Lab Test",
    concepts: [
      [3000963, "718-7", "Hemoglobin [Mass/volume] in Blood"],
      [3004410, "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"],
      [3004501, "2345-7", "Glucose [Mass/volume] in Serum or Plasma"],
      [3007070, "2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma"],
      [3009966, "18262-6", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by Direct assay"],
      [3016723, "2160-0", "Creatinine [Mass/volume] in Serum or Plasma"],
      [3022192, "2571-8", "Triglyceride [Mass/volume] in Serum or Plasma"],
      [3023103, "2823-3", "Potassium [Moles/volume] in Serum or Plasma"],
      [3027114, "2093-3", "Cholesterol [Mass/volume] in Serum or Plasma"],
      [
        3030354,
        "33914-3",
        "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum or Plasma by Creatinine-based formula (MDRD)",
      ],
    ],
  },
  {
    domain: "Drug",
    vocabulary: "RxNorm",
    conceptClass: "Ingredient",
    concepts: [
      [739138, "36437", "sertraline"],
      [923645, "7646", "omeprazole"],
      [956874, "4603", "furosemide"],
      [974166, "5487", "hydrochlorothiazide"],
      [1112807, "1191", "aspirin"],
      [1115008, "7258", "naproxen"],
      [1118084, "140587", "celecoxib"],
      [1124300, "3355", "diclofenac"],
      [1125315, "161", "acetaminophen"],
      [1149196, "20610", "cetirizine"],
      [1154343, "435", "albuterol"],
      [1167322, "519", "allopurinol"],
      [1177480, "5640", "ibuprofen"],
      [1308216, "29046", "lisinopril"],
      [1310149, "11289", "warfarin"],
      [1322184, "32968", "clopidogrel"],
      [1332418, "17767", "amlodipine"],
      [1367500, "52175", "losartan"],
      [1501700, "10582", "levothyroxine"],
      [1503297, "6809", "metformin"],
      [1539403, "36567", "simvastatin"],
      [1545958, "83367", "atorvastatin"],
      [1551099, "8640", "prednisone"],
      [1557272, "46041", "alendronate"],
      [1713332, "723", "amoxicillin"],
      [1734104, "18631", "azithromycin"],
      [715997, "135447", "donepezil"],
    ],
  },
  {
    domain: "Drug",
    vocabulary: "RxNorm",
    conceptClass: "Clinical Drug",
    concepts: [
      [739207, "312938", "sertraline 100 MG Oral Tablet"],
      [957136, "313988", "furosemide 40 MG Oral Tablet"],
      [1167323, "197319", "allopurinol 100 MG Oral Tablet"],
      [1332419, "197361", "amlodipine 5 MG Oral Tablet"],
      [1539411, "312961", "simvastatin 20 MG Oral Tablet"],
      [1545959, "259255", "atorvastatin 80 MG Oral Tablet"],
      [1551170, "312615", "prednisone 20 MG Oral Tablet"],
      [19019273, "198014", "naproxen 500 MG Oral Tablet"],
      [19020053, "198440", "acetaminophen 500 MG Oral Tablet"],
      [19059056, "243670", "aspirin 81 MG Oral Tablet"],
      [19073188, "308192", "amoxicillin 500 MG Oral Tablet"],
      [19073777, "308460", "azithromycin 250 MG Oral Tablet"],
      [19075601, "309362", "clopidogrel 75 MG Oral Tablet"],
      [19078106, "310798", "hydrochlorothiazide 25 MG Oral Tablet"],
      [19078461, "310965", "ibuprofen 200 MG Oral Tablet"],
      [19080128, "314076", "lisinopril 10 MG Oral Tablet"],
      [40162359, "855926", "diclofenac sodium 75 MG Delayed Release Oral Tablet"],
      [40163554, "855332", "warfarin sodium 5 MG Oral Tablet"],
      [40173590, "904419", "alendronic acid 10 MG Oral Tablet"],
      [40174880, "966222", "levothyroxine sodium 0.075 MG Oral Tablet"],
      [40185304, "979492", "losartan potassium 50 MG Oral Tablet"],
      [40223768, "997223", "donepezil hydrochloride 10 MG Oral Tablet"],
      [40228214, "1014678", "cetirizine hydrochloride 10 MG Oral Tablet"],
    ],
  },
  {
    domain: "Drug",
    vocabulary: "RxNorm",
    conceptClass: "Quant Clinical Drug",
    concepts: [
      [1154615, "745679", "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"],
      [40163924, "860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet"],
    ],
  },
  {
    domain: "Drug",
    vocabulary: "RxNorm",
    conceptClass: "Branded Drug",
    concepts: [[1118088, "213469", "celecoxib 200 MG Oral Capsule [Celebrex]"]],
  },
  {
    domain: "Drug",
    vocabulary: "CVX",
    conceptClass: "CVX",
    concepts: [[40213154, "140", "Influenza, seasonal, injectable, preservative free"]],
  },
  {
    domain: "Condition",
    vocabulary: "ICD10CM",
    conceptClass: "4-char billing code",
    source: true,
    concepts: [[35208414, "K92.2", "Gastrointestinal hemorrhage, unspecified"]],
  },
];
