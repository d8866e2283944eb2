/** What PostgreSQL has in place of other databases' functions. Each replacement is an expression that the guard accepts. */

/** `name name: replacement | replacement`, one line for functions with the same replacements. */
const LINES = `
datediff date_diff timestampdiff days_between: end_date - start_date | date_part('year', age(end_date, start_date))
datediff_big: extract(epoch FROM end_datetime - start_datetime)
months_between: date_part('year', age(end_date, start_date)) * 12 + date_part('month', age(end_date, start_date))
dateadd date_sub adddate subdate timestampadd: start_date + 30 | start_date + interval '1 month'
add_months: start_date + make_interval(months => 3)
getdate sysdate sysdatetime systimestamp getutcdate current_datetime: now()
curdate today current_date: CURRENT_DATE
isnull ifnull nvl zeroifnull: coalesce(value, 0)
nvl2 iif if iff: CASE WHEN value > 0 THEN 'yes' ELSE 'no' END
decode: CASE value WHEN 1 THEN 'a' ELSE 'b' END
year month day hour minute second quarter week dayofweek dayofyear weekday: extract(year FROM start_date)
datepart datename: extract(month FROM start_date) | to_char(start_date, 'Month')
eomonth last_day: (date_trunc('month', start_date) + interval '1 month - 1 day')::date
datefromparts date_from_parts datetimefromparts: make_date(2020, 12, 31)
datetrunc: date_trunc('month', start_date)
date_format format_date strftime formatdatetime: to_char(start_date, 'YYYY-MM')
to_varchar str tostring: to_char(value, '999') | value::text
str_to_date parse_date cdate todate: to_date('2020-12-31', 'YYYY-MM-DD')
julianday unix_timestamp: extract(epoch FROM start_datetime)
len datalength lengthb: length(text)
charindex patindex instr locate: strpos(text, 'part')
regexp_extract: substring(text from '[0-9]+')
regexp_contains rlike: text ~ 'pattern'
contains: strpos(text, 'part') > 0
ucase: upper(text)
lcase: lower(text)
replicate: repeat(text, 3)
space: repeat(' ', 3)
stuff: overlay(text placing 'new' from 1 for 3)
listagg group_concat wm_concat stringagg: string_agg(text, ', ')
collect_list collect_set: array_agg(value)
count_big countd count_distinct approx_count_distinct: count(DISTINCT person_id)
countif count_if: count(*) FILTER (WHERE value > 0)
sumif sum_if: sum(value) FILTER (WHERE value > 0)
mean average: avg(value)
median quantile percentile approx_percentile approx_quantiles: percentile_cont(0.5) WITHIN GROUP (ORDER BY value)
std stdev sd: stddev(value)
stdevp stdev_pop stddevp: stddev_pop(value)
var: variance(value)
varp: var_pop(value)
square: value ^ 2
rand: random()
newid uuid newsequentialid uuid_generate_v4: gen_random_uuid()
try_cast safe_cast try_convert to_int toint: value::integer
top rownum: (SELECT person_id FROM person ORDER BY person_id LIMIT 10)
first: first_value(value) OVER (ORDER BY start_date) | (array_agg(value ORDER BY start_date))[1]
last: last_value(value) OVER (ORDER BY start_date) | (array_agg(value ORDER BY start_date DESC))[1]
isnumeric: text ~ '^[0-9]+$'
`;

/** Replacements by name. */
export const REPLACEMENTS: ReadonlyMap<string, readonly string[]> = new Map(
  LINES.trim().split("\n").flatMap(function read(line) {
    const colon = line.indexOf(": ");
    const replacements = line.slice(colon + 2).split(" | ");
    return line.slice(0, colon).split(" ").map((name) => [name, replacements] as const);
  }),
);
