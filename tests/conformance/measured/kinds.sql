{# Generic tests of the kinds that packages are used for, each written in one of the ways in which such tests are. #}

{% test in_range(model, column_name, min_value=none, max_value=none, inclusive=true) %}
with meet_condition as (
  select * from {{ model }}
),
validation_errors as (
  select *
  from meet_condition
  where 1 = 2
  {%- if min_value is not none %}
    -- records with a value >{{ "=" if inclusive }} {{ min_value }} are permitted.
    or not {{ column_name }} >{{ "=" if inclusive }} {{ min_value }}
  {%- endif -%}
  {%- if max_value is not none %}
    or not {{ column_name }} <{{ "=" if inclusive }} {{ max_value }}
  {%- endif %}
)
select * from validation_errors
{% endtest %}

{% test holds(model, expression, column_name=none) %}
select {{ '*' if column_name is none else column_name }}
from {{ model }}
where not({{ (column_name or '') ~ ' ' ~ expression }})
{% endtest %}

{% test holds_of_each(model, expression) %}
with grouped_expression as (
    select ( {{ expression }} ) as expression from {{ model }}
),
validation_errors as (
    select * from grouped_expression where not(expression = true)
)
select * from validation_errors
{% endtest %}

{% test matches(model, column_name, pattern) %}
with found as (select {{ column_name }} like '{{ pattern }}' as expression, {{ column_name }} as given from {{ model }})
select given from found where not(expression = true)
{% endtest %}

{% test length_between(model, column_name, least, most) %}
with lengths as (
  select {{ column_name }} as n_records, length({{ column_name }}) as expression from {{ model }} as m
)
select * from lengths where lengths.expression < {{ least }} or lengths.expression > {{ most }}
{% endtest %}

{% test not_blank(model, column_name) %}
with
all_values as (
    select {{ column_name }} from {{ model }}
),
errors as (
    select * from all_values where {{ column_name }} = ''
)
select * from errors
{% endtest %}

{% test in_set(model, column_name, values) %}
with all_values as (
  select {{ column_name }} as value_field from {{ model }}
),
set_values as (
  {%- for value in values %}
  select cast('{{ value }}' as varchar(20)) as value_field {{ "union all" if not loop.last }}
  {%- endfor %}
)
select v.value_field from all_values v left join set_values s on v.value_field = s.value_field
where s.value_field is null
{% endtest %}

{% test not_in_set(model, column_name, values) %}
with all_values as (
  select distinct {{ column_name }} as value_field from {{ model }}
),
validation_errors as (
  select value_field from all_values where value_field in ('{{ values | join("', '") }}')
)
select * from validation_errors
{% endtest %}

{% test grouped_in_set(model, column_name, values) %}
with all_values as (
  select {{ column_name }} as v, count(*) as n_records from {{ model }} group by {{ column_name }}
)
select * from all_values where v not in ({{ values | join(", ") }})
{% endtest %}

{% test row_count_between(model, least, most) %}
with counted as (
  select ( 1=1 and count(*) >= {{ least }} and count(*) <= {{ most }} ) as expression from {{ model }}
),
validation_errors as (select * from counted where not(expression = true))
select * from validation_errors
{% endtest %}

{% test aggregate_between(model, column_name, aggregate, least=none, most=none) %}
with told as (
  select {{ aggregate }}({{ column_name }}) as expression, count(*) as n_records from {{ model }}
)
select expression from told
where false
{%- if least is not none %} or expression < {{ least }}{% endif %}
{%- if most is not none %} or expression > {{ most }}{% endif %}
{% endtest %}

{% test quantile_between(model, column_name, quantile, least, most) %}
with metric_values as (
  select percentile_cont({{ quantile }}) within group (order by {{ column_name }}) as expression from {{ model }}
)
select * from metric_values where not(expression >= {{ least }} and expression <= {{ most }})
{% endtest %}

{% test distinct_count(model, column_name, condition) %}
with told as (select count(distinct {{ column_name }}) {{ condition }} as expression from {{ model }})
select * from told where not(expression = true)
{% endtest %}

{% test has_value(model, column_name) %}
select count({{ column_name }}) as filler_column
from {{ model }}
having count({{ column_name }}) = 0
{% endtest %}

{% test has_some_value(model, column_name) %}
select *
from (
  with pruned_rows as (
    select {{ column_name }} from {{ model }} where {{ column_name }} is not null limit 1
  )
  select count({{ column_name }}) as filler_column from pruned_rows having count({{ column_name }}) = 0
) validation_errors
{% endtest %}

{% test not_constant(model, column_name) %}
select count(distinct {{ column_name }}) as filler_column
from {{ model }}
having count(distinct {{ column_name }}) = 1
{% endtest %}

{% test filled(model, column_name, least, most=1.0) %}
with validation as (
  select
    sum(case when {{ column_name }} is null then 0 else 1 end) / cast(count(*) as numeric) as not_null_proportion
  from {{ model }}
),
validation_errors as (
  select not_null_proportion from validation
  where not_null_proportion < {{ least }} or not_null_proportion > {{ most }}
)
select * from validation_errors
{% endtest %}

{% test recent(model, column_name, since) %}
with recency as (
  select cast(max({{ column_name }}) as date) as most_recent from {{ model }}
)
select most_recent, cast('{{ since }}' as date) as threshold
from recency
where most_recent < cast('{{ since }}' as date) or most_recent is null
{% endtest %}

{% test unique_combination(model, columns) %}
with validation_errors as (
  select {{ columns | join(", ") }} from {{ model }} group by {{ columns | join(", ") }} having count(*) > 1
)
select * from validation_errors
{% endtest %}

{% test sequential(model, column_name) %}
with windowed as (
  select {{ column_name }}, lag({{ column_name }}) over (order by {{ column_name }}) as previous from {{ model }}
)
select * from windowed where not({{ column_name }} = previous + 1)
{% endtest %}

{% test apart(model, lower, upper) %}
with windowed as (
  select {{ lower }} as lower_bound, {{ upper }} as upper_bound,
    lead({{ lower }}) over (order by {{ lower }}, {{ upper }}) as next_lower_bound,
    row_number() over (order by {{ lower }} desc, {{ upper }} desc) = 1 as is_last
  from {{ model }}
),
calc as (
  select *, coalesce(lower_bound < upper_bound, false) as lower_below,
    coalesce(upper_bound <= next_lower_bound, is_last, false) as upper_below
  from windowed
)
select * from calc where not(lower_below and upper_below)
{% endtest %}

{% test as_many_rows(model, other) %}
with a as (select 1 as id, count(*) as count_a from {{ model }}),
b as (select 1 as id, count(*) as count_b from {{ other }}),
final as (select count_a, count_b, abs(count_a - count_b) as diff_count from a full join b on a.id = b.id)
select * from final
{% endtest %}

{% test same_values(model, column_name, other, field) %}
with table_a as (select {{ column_name }}, count(*) as num_rows from {{ model }} group by {{ column_name }}),
table_b as (select {{ field }}, count(*) as num_rows from {{ other }} group by {{ field }}),
except_a as (select * from table_a except select * from table_b),
except_b as (select * from table_b except select * from table_a)
select 'a' as side, * from except_a union all select 'b' as side, * from except_b
{% endtest %}

{% test found_where(model, column_name, to, field, condition) %}
with left_table as (select {{ column_name }} as id from {{ model }} where {{ column_name }} is not null and {{ condition }}),
right_table as (select {{ field }} as id from {{ to }} where {{ field }} is not null)
select left_table.id, right_table.id as right_id
from left_table left join right_table on left_table.id = right_table.id
where right_table.id is null
{% endtest %}

{% test pairs(model, a, b) %}
select t.{{ a }}, t.{{ b }}, t.{{ a }} + t.{{ b }} as total from (select * from {{ model }}) as t where not(t.{{ a }} >= t.{{ b }})
{% endtest %}

{% test failing_amount(model, column_name, least) %}
{{ config(fail_calc='coalesce(sum(n), 0)') }}
select {{ column_name }} as n from {{ model }} where {{ column_name }} < {{ least }}
{% endtest %}
