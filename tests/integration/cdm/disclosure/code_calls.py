import omcp
table = omcp.query("visit_occurrence", group_by=["visit_concept_id"])
print([[int(row.visit_concept_id), int(row.persons)] for row in table.itertuples()])
again = omcp.call("query_omop", table="visit_occurrence", group_by=["visit_concept_id"])
for call in (
    lambda: omcp.sql("select * from person"),
    lambda: omcp.query("person", columns=["person_id"]),
    lambda: omcp.measurements("glucose"),
    lambda: omcp.query("person", group_by=["person_id"]),
):
    try: print(call())
    except omcp.OmcpError as error: print(error.code, error.message[:60])
print(sorted(again), again["remaining"])
