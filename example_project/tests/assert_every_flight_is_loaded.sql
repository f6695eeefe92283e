-- The flights of the mart are those of the source up to the last day to load: none lost, none doubled.
with counted as (

    select
        (
            select count(*)
            from {{ source('nycflights13', 'flights') }}
            where make_date(year, month, day) <= date '{{ var("loaded_through") }}'
        ) as expected,
        (select count(*) from {{ ref('fct_flights') }}) as loaded

)

select *
from counted
where expected != loaded
