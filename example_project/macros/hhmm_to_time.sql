{#- The source writes 5:07 as 507 and midnight at the end of a day as 2400. -#}
{% macro hhmm_to_time(hhmm) -%}
    make_time(cast(floor({{ hhmm }} / 100) as integer) % 24, cast({{ hhmm }} as integer) % 100, 0)
{%- endmacro %}
