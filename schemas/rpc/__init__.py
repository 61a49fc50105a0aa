"""RPC interfaces of the services: one `Protocol` per service, in a module of the service's name.

A service implements its interface (`chassis.messaging.rpc.implements`), callers are typed by it (`Remote(OrdersRpc)`
in a service, `call(OrdersRpc.get_order, …)` in the gateway and the command line). A reply's type is a model; on the
wire it is the model's JSON. Who may call a method stands in `schemas.permissions`.
"""
