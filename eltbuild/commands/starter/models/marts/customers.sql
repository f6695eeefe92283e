with completed as (

    select
        customer_id,
        count(*) as orders,
        sum(amount) as revenue,
        max(ordered_on) as last_ordered_on
    from {{ ref('stg_orders') }}
    where status = 'completed'
    group by customer_id

)

select
    customers.customer_id,
    customers.customer_name,
    countries.country_name,
    customers.signed_up_on,
    coalesce(completed.orders, 0) as orders,
    coalesce(completed.revenue, 0) as revenue,
    completed.last_ordered_on
from {{ ref('stg_customers') }} as customers
left join {{ ref('countries') }} as countries
    on customers.country = countries.country
left join completed
    on customers.customer_id = completed.customer_id
