{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['flight_date', 'origin']
    )
}}

select
    flight_date,
    origin,
    count(*) as flights,
    count(*) filter (where status = 'cancelled') as cancelled_flights,
    count(*) filter (where is_on_time) as on_time_flights,
    count(distinct destination) as destinations,
    round(avg(departure_delay_minutes), 2) as average_departure_delay,
    max(departure_delay_minutes) as longest_departure_delay
from {{ ref('fct_flights') }}
{% if is_incremental() %}
where flight_date >= {{ reload_from(this, 'flight_date') }}
{% endif %}
group by flight_date, origin
