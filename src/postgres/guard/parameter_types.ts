/**
 * PostgreSQL's own types that a statement may declare for a parameter. A function of the site or of an extension reads the values of any other
 * type. The reg types (regclass and the like) are missing, because the guard turns their values into text at the cast, and a parameter of such a
 * type has no cast. One entry: the type's name, its OID and the OID of its array, from pg_type of PostgreSQL 17, which never change.
 */
const REVIEWED = `
bool 16 1000, bytea 17 1001, char 18 1002, name 19 1003, int8 20 1016, int2 21 1005, int2vector 22 1006, int4 23 1007
text 25 1009, oid 26 1028, tid 27 1010, xid 28 1011, cid 29 1012, oidvector 30 1013, json 114 199, point 600 1017
lseg 601 1018, path 602 1019, box 603 1020, polygon 604 1027, line 628 629, cidr 650 651, float4 700 1021
float8 701 1022, unknown 705 0, circle 718 719, macaddr8 774 775, money 790 791, macaddr 829 1040, inet 869 1041
bpchar 1042 1014, varchar 1043 1015, date 1082 1182, time 1083 1183, timestamp 1114 1115, timestamptz 1184 1185
interval 1186 1187, timetz 1266 1270, bit 1560 1561, varbit 1562 1563, numeric 1700 1231
uuid 2950 2951, tsvector 3614 3643, tsquery 3615 3645, jsonb 3802 3807
int4range 3904 3905, numrange 3906 3907, tsrange 3908 3909, tstzrange 3910 3911, daterange 3912 3913
int8range 3926 3927, jsonpath 4072 4073, int4multirange 4451 6150
nummultirange 4532 6151, tsmultirange 4533 6152, tstzmultirange 4534 6153, datemultirange 4535 6155
int8multirange 4536 6157
`;

/** Their names, and the OIDs of each and of its array. */
export const ALLOWED_TYPES: ReadonlyMap<string, readonly [oid: number, array: number]> = new Map(
  REVIEWED.trim().split(/,|\n/).map((entry) => {
    const [name = "", oid, array] = entry.trim().split(" ");
    return [name, [Number(oid), Number(array)]];
  }),
);

/** The OIDs. 0 means that the server chooses the type. */
export const PARAMETER_TYPES: ReadonlySet<number> = new Set([0, ...[...ALLOWED_TYPES.values()].flat()]);
