-- The analyses by hand, from OHDSI's definitions and not from the program: time is counted day by day, nothing is a range.
-- {cdm} is the schema, {drug} a concept whose exposures are the cohort, {condition} the outcome with its descendants.
-- Each query returns JSON objects; what a row does not have, it leaves out.

-- name: shared
with born as (
  select p.person_id, p.gender_concept_id, p.race_concept_id,
    coalesce(extract(year from p.birth_datetime), p.year_of_birth) as y,
    coalesce(extract(month from p.birth_datetime), p.month_of_birth, 1) as m,
    coalesce(extract(day from p.birth_datetime), p.day_of_birth, 1) as d,
    case when p.gender_concept_id > 0 then coalesce((select c.concept_name from {cdm}.concept c where c.concept_id = p.gender_concept_id), 'concept ' || p.gender_concept_id) else 'unknown' end as gender,
    case when p.race_concept_id > 0 then coalesce((select c.concept_name from {cdm}.concept c where c.concept_id = p.race_concept_id), 'concept ' || p.race_concept_id) else 'unknown' end as race
  from {cdm}.person p
),
exposures as (
  select distinct person_id, drug_exposure_start_date as begins,
    case when drug_exposure_end_date > drug_exposure_start_date then drug_exposure_end_date else drug_exposure_start_date end as ends
  from {cdm}.drug_exposure where drug_concept_id = {drug} and drug_exposure_start_date is not null
),
-- An entry counts in the observation period of its start: of several, the one that began first.
entered as (
  select e.person_id, e.begins, e.ends, w.since, w.until
  from exposures e
  cross join lateral (
    select o.observation_period_start_date as since, o.observation_period_end_date as until from {cdm}.observation_period o
    where o.person_id = e.person_id and o.observation_period_start_date <= e.begins and o.observation_period_end_date >= e.begins
    order by o.observation_period_start_date, o.observation_period_id fetch first row only
  ) w
  where exists (select from born b where b.person_id = e.person_id)
),
numbered as (select entered.*, row_number() over (partition by person_id order by begins, ends) as nth from entered),
index_event as (
  select i.*, b.gender, b.race,
    extract(year from i.begins) - b.y
      - case when (extract(month from i.begins), extract(day from i.begins)) < (b.m, b.d) then 1 else 0 end as age
  from numbered i join born b on b.person_id = i.person_id where nth = 1
),
wanted as (
  select descendant_concept_id as id from {cdm}.concept_ancestor a
  join {cdm}.concept c on c.concept_id = a.descendant_concept_id and c.invalid_reason is null
  where ancestor_concept_id = {condition}
  union select {condition}
),
happened as (
  select person_id, condition_start_date as at from {cdm}.condition_occurrence where condition_concept_id in (select id from wanted)
  union select person_id, drug_exposure_start_date from {cdm}.drug_exposure where drug_concept_id in (select id from wanted)
  union select person_id, procedure_date from {cdm}.procedure_occurrence where procedure_concept_id in (select id from wanted)
  union select person_id, measurement_date from {cdm}.measurement where measurement_concept_id in (select id from wanted)
  union select person_id, observation_date from {cdm}.observation where observation_concept_id in (select id from wanted)
  union select person_id, device_exposure_start_date from {cdm}.device_exposure where device_concept_id in (select id from wanted)
),
first_ever as (select person_id, min(at) as at from happened group by person_id having min(at) is not null)

-- name: table_one
, numbers as (
  select 'age' as variable, age::float8 as v from index_event
  union all select 'prior observation', begins - since from index_event
  union all select 'follow-up', until - begins from index_event
  union all select 'time in cohort', ends - begins from index_event
),
labels as (
  select person_id, 'gender' as variable, gender as value from index_event
  union all select person_id, 'race', race from index_event
  union all select person_id, 'age_group', case when age >= 80 then '80+' when age >= 65 then '65-79' when age >= 50 then '50-64'
    when age >= 35 then '35-49' when age >= 18 then '18-34' else '< 18' end from index_event
),
everyone as (select count(*)::float8 as n from index_event)
select json_build_object('cohort', 'target', 'variable', variable, 'persons', count(v), 'mean', avg(v),
  'sd', sqrt(sum((v - m) * (v - m)) / nullif(count(v) - 1, 0)), 'min', min(v), 'max', max(v),
  'p25', percentile_cont(0.25) within group (order by v), 'median', percentile_cont(0.5) within group (order by v),
  'p75', percentile_cont(0.75) within group (order by v))
from (select numbers.*, avg(v) over (partition by variable) as m from numbers) q group by variable
union all
select json_build_object('cohort', 'target', 'variable', variable, 'value', value, 'persons', count(*), 'share', count(*) / (select n from everyone))
from labels group by variable, value having count(*) > 0
union all
select json_build_object('cohort', 'target', 'variable', 'before', 'value', 'recorded', 'persons', count(*), 'share', count(*) / (select n from everyone))
from index_event i where (select count(*) from happened h where h.person_id = i.person_id and i.begins - h.at between 0 and 365) > 0

-- name: characterize
, recorded as (
  select 'condition' as kind, person_id, condition_concept_id as id, condition_start_date as at from {cdm}.condition_occurrence
  union all select 'drug', person_id, drug_concept_id, drug_exposure_start_date from {cdm}.drug_exposure
  union all select 'procedure', person_id, procedure_concept_id, procedure_date from {cdm}.procedure_occurrence
),
seen as (
  select r.kind, nullif(r.id, 0) as id, i.person_id,
    case sign(r.at - i.begins) when -1 then 'days -365 to -1' when 0 then 'day 0' else 'days 1 to 365' end as near
  from index_event i join recorded r on r.person_id = i.person_id
  where abs(r.at - i.begins) <= 365 and r.at >= i.since and r.at <= i.until
),
tallied as (select kind, near, id, count(distinct person_id) as n from seen group by kind, near, id),
placed as (select tallied.*, row_number() over (partition by kind, near order by id is null, n desc, id) as place from tallied)
select json_build_object('table', kind, 'window', near, 'concept_id', id, 'persons', n, 'share', n / (select count(*)::float8 from index_event))
from placed where place <= 50 and id is not null

-- name: incidence
, at_risk as (
  select distinct e.person_id, e.begins + n as day from entered e cross join generate_series(1, 90) n where e.begins + n <= e.until
),
spells as (select at_risk.*, day - cast(row_number() over (partition by person_id order by day) as integer) as spell from at_risk),
aged as (
  select s.person_id, s.day, min(s.day) over (partition by s.person_id, s.spell) as opens from spells s
),
lived as (
  select a.person_id, a.day, b.gender, f.at = a.day as is_outcome,
    extract(year from a.opens) - b.y
      - case when (extract(month from a.opens), extract(day from a.opens)) < (b.m, b.d) then 1 else 0 end as age
  from aged a join born b on b.person_id = a.person_id left join first_ever f on f.person_id = a.person_id
  where f.at is null or f.at >= a.day
),
grouped as (
  select lived.*, case when age >= 80 then '80+' when age >= 65 then '65-79' when age >= 50 then '50-64'
    when age >= 35 then '35-49' when age >= 18 then '18-34' else '< 18' end as band from lived
)
select json_build_object('cohort', 'target', 'gender', coalesce(gender, 'all'), 'age_group', coalesce(band, 'all'),
  'persons_at_risk', count(distinct person_id), 'person_days', count(*), 'outcomes', count(*) filter (where is_outcome),
  'persons_with_outcome', count(distinct person_id) filter (where is_outcome),
  'rate_per_1000_person_years', 365250.0 * count(*) filter (where is_outcome) / count(*))
from grouped group by grouping sets ((), (gender, band))

-- name: survival
, watched as (
  select i.person_id, i.gender, case when f.at <= i.until then f.at - i.begins else i.until - i.begins end as day,
    f.at <= i.until as died
  from index_event i left join first_ever f on f.person_id = i.person_id where f.at is null or f.at >= i.begins
),
both_ways as (select 'all' as gender, person_id, day, died from watched union all select gender, person_id, day, died from watched),
days as (
  select gender, day, count(*) filter (where died) as events, count(*) filter (where died is not true) as censored
  from both_ways group by gender, day
),
steps as (
  select d.*, (select count(*) from both_ways w where w.gender = d.gender and w.day >= d.day) as n from days d
)
select json_build_object('cohort', 'target', 'gender', gender, 'day', day, 'at_risk', n, 'events', events, 'censored', censored,
  'survival', (select case when min(1 - p.events / p.n::float8) = 0 then 0 else exp(sum(ln(nullif(1 - p.events / p.n::float8, 0)))) end
    from steps p where p.gender = s.gender and p.day <= s.day))
from steps s

-- name: prevalence
, new_years as (select make_date(y, 1, 1) as day from generate_series(2012, 2020) y),
-- Overlapping periods, which the CDM forbids, end with the one that began first.
bounded as (
  select o.person_id, o.observation_period_start_date as since, least(o.observation_period_end_date, (
    select w.observation_period_end_date from {cdm}.observation_period w where w.person_id = o.person_id
      and o.observation_period_start_date between w.observation_period_start_date and w.observation_period_end_date
    order by w.observation_period_start_date, w.observation_period_id fetch first row only
  )) as until from {cdm}.observation_period o
),
there as (
  select distinct n.day, b.person_id, b.gender
  from new_years n join bounded o on n.day between o.since and o.until join born b on b.person_id = o.person_id
),
marked as (
  select t.*, exists (select from happened h where h.person_id = t.person_id and h.at <= t.day) as has_it from there t
)
select json_build_object('cohort', 'everybody', 'gender', coalesce(gender, 'all'), 'from', day, 'persons', count(*),
  'cases', count(*) filter (where has_it), 'prevalence', count(*) filter (where has_it) / count(*)::float8)
from marked group by grouping sets ((day), (day, gender))
