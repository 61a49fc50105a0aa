"""A service of stock Nameko, without a line of ours: `nameko run tests.service.chassis.stock`."""

import os

import redis
from nameko.events import event_handler
from nameko.rpc import RpcProxy, rpc

NAME = os.environ["NAME"]

marks = redis.Redis.from_url(os.environ["ULTRAMARKET_REDIS_URL"], decode_responses=True)


class StockService:
    name = NAME
    ours = RpcProxy(os.environ["OTHER"])

    @rpc
    def shout(self, text: str) -> dict[str, str]:
        return {"text": text.upper()}

    @rpc
    def fail(self) -> None:
        raise ValueError("as stock services do")

    @rpc
    def ask_ours(self, value: object) -> object:
        return self.ours.echo(value)

    @event_handler("orders", "order_stock_released")
    def heard(self, event: dict[str, object]) -> None:
        marks.rpush(f"marks:{NAME}", f"{event['type']} {event['subject']} {event['specversion']}")
