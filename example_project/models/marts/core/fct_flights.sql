{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='flight_id',
        on_schema_change='append_new_columns'
    )
}}

with outcomes as (

    select *
    from {{ ref('int_flight_outcomes') }}
    {% if is_incremental() %}
    where flight_date >= {{ reload_from(this, 'flight_date') }}
    {% endif %}

),

delay_categories as (

    -- An open bound lies beyond any delay.
    select
        delay_category,
        coalesce(from_minutes, -100000) as from_minutes,
        coalesce(below_minutes, 100000) as below_minutes
    from {{ ref('delay_categories') }}

)

select
    outcomes.flight_id,
    outcomes.flight_date,
    outcomes.carrier_code,
    outcomes.flight_number,
    outcomes.tail_number,
    outcomes.origin,
    outcomes.destination,
    outcomes.origin || '-' || outcomes.destination as route,
    outcomes.scheduled_departure_at,
    outcomes.departed_at,
    outcomes.scheduled_arrival_time,
    outcomes.arrival_time,
    outcomes.departure_delay_minutes,
    outcomes.arrival_delay_minutes,
    outcomes.air_minutes,
    outcomes.distance_miles,
    outcomes.status,
    outcomes.is_on_time,
    coalesce(delay_categories.delay_category, 'no arrival') as delay_category,
    coalesce(weather.weather_condition, 'unknown') as weather_condition
from outcomes
left join {{ ref('int_weather_conditions') }} as weather
    on outcomes.origin = weather.origin
    and outcomes.scheduled_hour = weather.observed_hour
left join delay_categories
    on outcomes.status = 'landed'
    and outcomes.arrival_delay_minutes >= delay_categories.from_minutes
    and outcomes.arrival_delay_minutes < delay_categories.below_minutes
