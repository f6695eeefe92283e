select
    tailnum as tail_number,
    cast(year as integer) as year_built,
    type as plane_type,
    manufacturer,
    model,
    cast(engines as integer) as engines,
    engine as engine_type,
    cast(seats as integer) as seats
from {{ source('nycflights13', 'planes') }}
