"""SQL statements of the orders' tables, built once: making one anew costs as much as executing it."""

from sqlalchemy import bindparam, func, insert, literal, select, text
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.dialects.postgresql import insert as insert_unless

from services.chassis.stores.tables import idempotency
from services.orders.models import order_events, order_numbers, orders

INSERT_EVENT = insert(order_events)
INSERT_ORDER = (
    insert_unless(orders)
    .values(saga_due=func.now() + bindparam("lease"))
    .on_conflict_do_nothing()
    .returning(orders.c.id)
)
"""Times that processes compare with each other, such as the ends of leases, are the database's: clocks may differ."""
ORDERS_OF_CART = (
    select(orders.c.id, orders.c.status, orders.c.created_at, orders.c.live_cart)
    .where((orders.c.cart == bindparam("cart")) | (orders.c.live_cart == bindparam("live_cart")))
    .order_by(orders.c.id)
    .with_for_update()
)
_LOCKS = """
    select pg_advisory_xact_lock(hashtextextended('unpaid orders of customer ' || :customer, 0));
    select pg_advisory_xact_lock(hashtextextended('unpaid orders of client ' || :client, 0))
    where (select count(*) from orders where client = :client) >= :crowded;
    """
LOCKED_UNPAID_COUNTS = text(
    f"""
    {_LOCKS}
    select (select count(*) from orders where customer = :customer) as of_customer,
           (select count(*) from orders where client = :client) as of_client
    """
)
"""Three statements in one round trip: each sees what was committed before it begins, so the counts are right once the
locks are held. Orders have a customer and a client while they are unpaid only. Orders from one address wait for each
other only near the limit: many customers may share it.
"""
PLACE = text(
    f"""
    {_LOCKS}
    with placed as (
        insert into orders (id, version, status, payment_id, payment_token, user_id, customer, client, cart, live_cart,
                            saga_due, created_at)
        select :id, 1, 'pending', :payment_id, :payment_token, :user_id, :customer, :client, :cart, :live_cart,
               now() + :lease, :created_at
        where (select count(*) from orders where customer = :customer) < :most_of_customer
          and (select count(*) from orders where client = :client) < :most_of_client
        on conflict do nothing
        returning id
    ), claimed as (
        insert into idempotency (owner, key, fingerprint, reply)
        select :owner, :key, :fingerprint, :reply from placed where cast(:key as text) is not null
    ), recorded as (
        insert into order_events (order_id, version, body, created_at) select id, 1, :body, :created_at from placed
    )
    select id from placed
    """
).bindparams(bindparam("reply", type_=JSONB), bindparam("id", type_=UUID(as_uuid=False)))
"""Places an order that nothing speaks against: three statements in one round trip, and one transaction by themselves.

No row is returned, and nothing was written, when its cart or its customer's number of unpaid orders does; a command
that is known already violates its key.
"""
STUCK = text(
    """
    select id, attempts, count(*) over () as total from orders
    where suspended_at is not null or (saga_due is not null and attempts >= 5 and status <> 'awaiting_payment')
    order by created_at, id limit :limit offset :offset
    """
)
PLACEMENT = select(
    idempotency.c.fingerprint, idempotency.c.reply, order_numbers.next_value().label("number")
).select_from(
    select(literal(1))
    .subquery()
    .outerjoin(idempotency, (idempotency.c.owner == bindparam("owner")) & (idempotency.c.key == bindparam("key")))
)
"""The record of a command, if there is one, and the next order number."""
STATUS = select(orders.c.status).where(orders.c.id == bindparam("order"))
PENDING = select(orders.c.id).where(orders.c.id.in_(bindparam("orders", expanding=True)), orders.c.status == "pending")
HISTORY = (
    select(order_events.c.body).where(order_events.c.order_id == bindparam("order")).order_by(order_events.c.version)
)
READ = (
    select(order_events.c.body, orders.c.payment_token, orders.c.attempts)
    .join_from(order_events, orders, order_events.c.order_id == orders.c.id)
    .where(order_events.c.order_id == bindparam("order"))
    .order_by(order_events.c.version)
)
APPEND = text(
    """
    with moved as (
        update orders
        set version = :version, status = :status, payment_token = :payment_token, attempts = 0,
            saga_due = case when :goes_on then now() + :due end,
            suspended_at = case when :suspended then coalesce(suspended_at, :now) end,
            live_cart = case when :unpaid then live_cart end,
            customer = case when :unpaid then customer end,
            client = case when :unpaid then client end
        where id = :order and version = :at_version
        returning id
    )
    insert into order_events (order_id, version, body, created_at)
    select moved.id, added.version, added.body, :now
    from moved, unnest(:versions, :bodies) as added (version, body) order by added.version
    """
)
"""Updates the order's row and inserts its events in one statement, which is one round trip and one transaction."""
FOLD = (
    select(order_events.c.order_id, order_events.c.body)
    .where(order_events.c.order_id.in_(bindparam("orders", expanding=True)))
    .order_by(order_events.c.order_id, order_events.c.version)
)
