with renamed as (

    select
        make_date(year, month, day) as flight_date,
        carrier as carrier_code,
        cast(flight as integer) as flight_number,
        tailnum as tail_number,
        origin,
        dest as destination,
        cast(sched_dep_time as integer) as scheduled_departure_hhmm,
        {{ hhmm_to_time('sched_dep_time') }} as scheduled_departure_time,
        {{ hhmm_to_time('dep_time') }} as departure_time,
        {{ hhmm_to_time('sched_arr_time') }} as scheduled_arrival_time,
        {{ hhmm_to_time('arr_time') }} as arrival_time,
        cast(dep_delay as integer) as departure_delay_minutes,
        cast(arr_delay as integer) as arrival_delay_minutes,
        cast(air_time as integer) as air_minutes,
        cast(distance as integer) as distance_miles,
        time_hour as scheduled_hour
    from {{ source('nycflights13', 'flights') }}

)

select
    concat_ws(
        '-',
        cast(flight_date as varchar),
        carrier_code || cast(flight_number as varchar),
        origin,
        lpad(cast(scheduled_departure_hhmm as varchar), 4, '0')
    ) as flight_id,
    * exclude (scheduled_departure_hhmm)
from renamed
where flight_date <= date '{{ var("loaded_through") }}'
