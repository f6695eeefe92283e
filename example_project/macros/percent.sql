{#- A share in percent with two decimals; null when there is no whole to share. -#}
{% macro percent(part, whole='count(*)') -%}
    round(100.0 * {{ part }} / nullif({{ whole }}, 0), 2)
{%- endmacro %}
