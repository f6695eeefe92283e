select
    airport_code,
    airport_name,
    latitude,
    longitude,
    altitude_feet,
    utc_offset_hours,
    time_zone
from {{ ref('stg_airports') }}

union all

select
    airport_code,
    airport_name,
    latitude,
    longitude,
    altitude_feet,
    utc_offset_hours,
    time_zone
from {{ ref('added_airports') }}
