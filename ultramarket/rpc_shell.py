"""Interactive Python shell with RPC to every service: nameko's shell, with documented methods."""

import inspect
import os
import re
import sys
import typing
from types import FunctionType
from typing import Any

from schemas.caller import OPERATOR
from services.chassis.runtime.registry import SERVICES
from ultramarket.instance import Instance

BANNER = """\
Nameko shell of the instance {instance}, Python {python}
Broker: {broker}
n.rpc.SERVICE.METHOD(…) calls a service; help(n.rpc.orders) lists the methods of one.
Methods with a caller act on its behalf: n.rpc.inventory.list_warehouses(caller=admin).
Services: {services}"""


def run(instance: Instance) -> None:
    """Start the shell; returns when the user leaves it."""
    os.environ.update(instance.environment())  # some services read their settings when `help` imports them
    from nameko.cli.shell import ShellRunner, make_nameko_helper

    from services.chassis.messaging.broker_url import split_tls

    url = instance.url("rabbitmq")
    address, tls = split_tls(url)
    helper = make_nameko_helper({"AMQP_URI": address, "AMQP_SSL": tls})
    helper.rpc = ServiceProxies(helper.rpc)
    helper.config = {"AMQP_URI": hide_password(url)}  # what is printed; the proxies have the real one
    banner = BANNER.format(
        instance=instance.name,
        python=sys.version.partition(" ")[0],
        broker=hide_password(url),
        services=", ".join(SERVICES),
    )
    try:
        ShellRunner(banner, {"n": helper, "admin": OPERATOR.model_dump()}).start_shell(name=None)
    finally:
        helper.disconnect()


def hide_password(url: str) -> str:
    """The URL with `***` in place of its password."""
    return re.sub(r"//([^:/@]*):[^@/]*@", r"//\1:***@", url)


class ServiceProxies:
    """RPC proxies of all services, as attributes."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        proxy = getattr(self._cluster, name)
        return documented_proxy(name, proxy) if name in SERVICES else proxy

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __dir__(self) -> list[str]:
        return list(SERVICES)


def documented_proxy(name: str, proxy: Any) -> Any:
    """An RPC proxy of one service whose `help` lists the methods with their signatures."""
    from services.chassis.runtime.runner import service_class

    implementation = service_class(name)
    methods = {
        method: staticmethod(_documented_method(getattr(proxy, method), getattr(function, "implements", function)))
        for method, function in inspect.getmembers(implementation, inspect.isfunction)
        if any(type(entrypoint).__name__ == "Rpc" for entrypoint in getattr(function, "nameko_entrypoints", ()))
    }
    module = inspect.getmodule(implementation)
    documentation = {"__doc__": inspect.getdoc(implementation) or inspect.getdoc(module), "__slots__": ()}
    return type(implementation.__name__, (), {**documentation, **methods})()


def _documented_method(remote_method: Any, function: FunctionType) -> Any:
    """A function that calls the remote method and has the signature and docstring of its implementation."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        return remote_method(*arguments, **keywords)

    call.__name__, call.__qualname__ = function.__name__, function.__name__
    call.__doc__ = function.__doc__
    call.__signature__ = _readable_signature(function)  # type: ignore[attr-defined]
    call.call_async = remote_method.call_async  # type: ignore[attr-defined]
    return call


def _readable_signature(function: FunctionType) -> inspect.Signature:
    """Without `self`, and with plain types in place of constrained ones."""
    signature, types = inspect.signature(function), typing.get_type_hints(function)
    parameters = [
        parameter.replace(annotation=types.get(parameter.name, parameter.annotation))
        for parameter in list(signature.parameters.values())[1:]
    ]
    return signature.replace(parameters=parameters, return_annotation=types.get("return"))
