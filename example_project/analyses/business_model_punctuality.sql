-- Do low-cost carriers buy their prices with delays?
select
    business_model,
    cast(sum(flights) as bigint) as flights,
    {{ percent('sum(on_time_flights)', whole='sum(flights)') }} as on_time_percent,
    {{ percent('sum(cancelled_flights)', whole='sum(flights)') }} as cancelled_percent
from {{ ref('carrier_punctuality') }}
group by business_model
order by on_time_percent desc
