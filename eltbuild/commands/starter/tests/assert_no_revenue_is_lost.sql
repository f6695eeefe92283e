-- The customers' revenue adds up to that of the orders. A row here means that a join lost or doubled some.
select
    marts.revenue as revenue_of_customers,
    staging.revenue as revenue_of_orders
from (select sum(revenue) as revenue from {{ ref('customers') }}) as marts
cross join (
    select sum(amount) as revenue from {{ ref('stg_orders') }} where status = 'completed'
) as staging
where marts.revenue <> staging.revenue
