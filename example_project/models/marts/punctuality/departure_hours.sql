select
    cast(extract(hour from scheduled_departure_at) as integer) as scheduled_hour,
    count(*) as flights,
    round(avg(departure_delay_minutes), 2) as average_departure_delay,
    {{ percent('count(*) filter (where is_on_time)') }} as on_time_percent
from {{ ref('fct_flights') }}
group by 1
