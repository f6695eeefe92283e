with judged as (

    select
        *,
        case
            when departure_time is null then 'cancelled'
            when arrival_delay_minutes is null then 'diverted'
            else 'landed'
        end as status
    from {{ ref('stg_flights') }}

)

select
    *,
    flight_date + scheduled_departure_time as scheduled_departure_at,
    {{ dbt.dateadd('minute', 'departure_delay_minutes', 'flight_date + scheduled_departure_time') }}
        as departed_at,
    status = 'landed' and arrival_delay_minutes < {{ var('on_time_minutes') }} as is_on_time
from judged
