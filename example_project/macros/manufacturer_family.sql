{#- The registry spells one maker in several ways, among them `AIRBUS` and `AIRBUS INDUSTRIE`. -#}
{% macro manufacturer_family(manufacturer) -%}
    {%- set families = {
        'AIRBUS': 'Airbus',
        'BOEING': 'Boeing',
        'BOMBARDIER': 'Bombardier',
        'CANADAIR': 'Bombardier',
        'EMBRAER': 'Embraer',
        'MCDONNELL DOUGLAS': 'McDonnell Douglas'
    } -%}
    case
    {%- for prefix, family in families.items() %}
        when {{ manufacturer }} like '{{ prefix }}%' then '{{ family }}'
    {%- endfor %}
        else 'Other'
    end
{%- endmacro %}
