"""A service of stock Nameko, without UltraMarket's chassis: `nameko run tests.service.chassis.stock`."""

import os

import redis
from nameko.events import event_handler
from nameko.rpc import RpcProxy, rpc

NAME = os.environ["NAME"]

marks = redis.Redis.from_url(os.environ["ULTRAMARKET_REDIS_URL"], decode_responses=True)


class StockService:
    name = NAME
    chassis_service = RpcProxy(os.environ["OTHER"])

    @rpc
    def upper(self, text: str) -> dict[str, str]:
        return {"text": text.upper()}

    @rpc
    def fail(self) -> None:
        raise ValueError("as stock services do")

    @rpc
    def call_chassis_service(self, value: object) -> object:
        return self.chassis_service.echo(value)

    @event_handler("orders", "order_stock_committed")
    def handle_stock_committed(self, event: dict[str, object]) -> None:
        marks.rpush(f"marks:{NAME}", f"{event['type']} {event['subject']} {event['specversion']}")
