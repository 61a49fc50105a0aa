"""A process that delivers what is due in a schema: `python -m tests.service.webhooks.delivering_process SCHEMA`."""

import services.chassis.runtime.monkey_patch  # noqa: F401, I001 - before everything else

import sys

import eventlet

from services.chassis.runtime.settings import load
from services.chassis.stores.postgres import open_store
from services.webhooks.dispatcher import Dispatcher
from services.webhooks.settings import WebhookSettings
from services.webhooks.store import WebhookStore

if __name__ == "__main__":
    settings = load(WebhookSettings)
    store = open_store(WebhookStore, settings.postgres_url, sys.argv[1])
    dispatcher = Dispatcher(settings)
    while True:
        dispatcher.dispatch(store)
        eventlet.sleep(0.05)
