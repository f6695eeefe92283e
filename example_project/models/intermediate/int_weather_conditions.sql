{{ config(materialized='table') }}

select
    origin,
    observed_hour,
    temperature_f,
    wind_speed_mph,
    precipitation_inches,
    visibility_miles,
    case
        when precipitation_inches > 0 and temperature_f <= 32 then 'frozen precipitation'
        when precipitation_inches >= 0.1 then 'heavy rain'
        when precipitation_inches > 0 then 'light rain'
        when visibility_miles < 3 then 'low visibility'
        when wind_speed_mph >= 25 then 'strong wind'
        else 'fair'
    end as weather_condition
from {{ ref('stg_weather') }}
