{#- First day that an incremental build loads again: some days before the last one already in the table. -#}
{% macro reload_from(relation, date_column) -%}
    (
        select coalesce(max({{ date_column }}) - {{ var('reload_days') }}, date '1900-01-01')
        from {{ relation }}
    )
{%- endmacro %}
