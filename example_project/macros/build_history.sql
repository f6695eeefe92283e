{% macro create_build_history() %}
    create table if not exists {{ target.schema }}.build_history (
        invocation_id varchar,
        started_at timestamp,
        target_name varchar,
        loaded_through date,
        nodes integer,
        warnings integer,
        failures integer
    )
{% endmacro %}


{#- One row per build or run. Other commands change no data, so they leave no row. -#}
{% macro record_build(results) %}
    {% if execute and flags.WHICH in ('build', 'run') %}
        {% set count = namespace(warnings=0, failures=0) %}
        {% for result in results %}
            {% if result.status == 'warn' %}
                {% set count.warnings = count.warnings + 1 %}
            {% elif result.status in ('error', 'fail') %}
                {% set count.failures = count.failures + 1 %}
            {% endif %}
        {% endfor %}
        insert into {{ target.schema }}.build_history values (
            '{{ invocation_id }}',
            timestamp '{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}',
            '{{ target.name }}',
            date '{{ var("loaded_through") }}',
            {{ results | length }},
            {{ count.warnings }},
            {{ count.failures }}
        )
    {% endif %}
{% endmacro %}
