import type { ConceptBlock } from "./concepts.ts";

/**
 * The sample's conditions: SNOMED concepts, each with its parents in the sample. Most intermediate levels of SNOMED's hierarchy
 * are left out, so levels of separation are smaller than in the full vocabulary.
 */
const CONDITIONS: readonly (readonly [number, string, string, ...number[]])[] = [
  [441840, "404684003", "Clinical finding"],
  [4274025, "64572001", "Disease", 441840],
  [134057, "49601007", "Disorder of cardiovascular system", 4274025],
  [316866, "38341003", "Hypertensive disorder", 134057],
  [320128, "59621000", "Essential hypertension", 316866],
  [321588, "56265001", "Heart disease", 134057],
  [313217, "49436004", "Atrial fibrillation", 321588],
  [316139, "84114007", "Heart failure", 321588],
  [317576, "53741008", "Coronary arteriosclerosis", 321588],
  [4329847, "22298006", "Myocardial infarction", 321588],
  [312327, "57054005", "Acute myocardial infarction", 4329847],
  [381316, "230690007", "Cerebrovascular accident", 134057],
  [320136, "50043002", "Disorder of respiratory system", 4274025],
  [317009, "195967001", "Asthma", 320136],
  [255573, "13645005", "Chronic obstructive pulmonary disease", 320136],
  [255848, "233604007", "Pneumonia", 320136],
  [260139, "10509002", "Acute bronchitis", 320136],
  [4112343, "195662009", "Acute viral pharyngitis", 320136],
  [4266367, "6142004", "Influenza", 320136],
  [4283893, "36971009", "Sinusitis", 320136],
  [40481087, "444814009", "Viral sinusitis", 4283893],
  [4280726, "367498001", "Seasonal allergic rhinitis", 320136],
  [436670, "75934005", "Metabolic disease", 4274025],
  [201820, "73211009", "Diabetes mellitus", 436670],
  [201826, "44054006", "Type 2 diabetes mellitus", 201820],
  [432867, "55822004", "Hyperlipidemia", 436670],
  [433736, "414916001", "Obesity", 4274025],
  [198124, "90708001", "Kidney disease", 4274025],
  [46271022, "709044004", "Chronic kidney disease", 198124],
  [443597, "433144002", "Chronic kidney disease stage 3", 46271022],
  [4201745, "53619000", "Disorder of digestive system", 4274025],
  [192671, "74474003", "Gastrointestinal hemorrhage", 4201745],
  [318800, "235595009", "Gastroesophageal reflux disease", 4201745],
  [196456, "235919008", "Gallstone", 4201745],
  [440448, "74400008", "Appendicitis", 4201745],
  [376337, "118940003", "Disorder of nervous system", 4274025],
  [378419, "26929004", "Alzheimer's disease", 376337],
  [380378, "84757009", "Epilepsy", 376337],
  [318736, "37796009", "Migraine", 376337],
  [432586, "74732009", "Mental disorder", 4274025],
  [440383, "35489007", "Depressive disorder", 432586],
  [4152280, "370143000", "Major depressive disorder", 440383],
  [442077, "197480006", "Anxiety disorder", 432586],
  [443392, "363346000", "Malignant neoplastic disease", 4274025],
  [4112853, "254837009", "Malignant tumor of breast", 443392],
  [4180790, "363406005", "Malignant tumor of colon", 443392, 4201745],
  [4244662, "928000", "Disorder of musculoskeletal system", 4274025],
  [80180, "396275006", "Osteoarthritis", 4244662],
  [4079750, "239873007", "Osteoarthritis of knee", 80180],
  [4079749, "239872002", "Osteoarthritis of hip", 80180],
  [80809, "69896004", "Rheumatoid arthritis", 4244662],
  [80502, "64859006", "Osteoporosis", 4244662],
  [440674, "90560007", "Gout", 4274025],
  [140673, "40930008", "Hypothyroidism", 4274025],
  [439777, "271737000", "Anemia", 4274025],
  [81902, "68566005", "Urinary tract infectious disease", 4274025],
  [372328, "65363002", "Otitis media", 4274025],
  [28060, "43878008", "Streptococcal sore throat", 4274025],
  [37311061, "840539006", "COVID-19", 4274025],
  [81151, "44465007", "Sprain of ankle", 441840],
  [4113008, "284549007", "Laceration of hand", 441840],
  [4278672, "65966004", "Fracture of forearm", 441840],
];

/** The conditions as concepts. */
export const CONDITION_BLOCK: ConceptBlock = {
  domain: "Condition",
  vocabulary: "SNOMED",
  conceptClass: "Clinical Finding",
  concepts: CONDITIONS.map(([id, code, name]) => [id, code, name]),
};

/** Parents: [child, parent]. */
export const CONDITION_PARENTS: readonly (readonly [number, number])[] = CONDITIONS.flatMap(
  function links([id, , , ...parents]) {
    return parents.map((parent): [number, number] => [id, parent]);
  },
);
