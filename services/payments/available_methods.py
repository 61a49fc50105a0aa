"""The ways to pay in this shop: what is installed, and not switched off for the caller."""

from collections.abc import Iterable
from typing import Any, Final

from schemas.caller import Caller
from schemas.codes import CURRENCIES
from services.chassis.dynamic_config import config
from services.chassis.dynamic_config.flag_rules import Subject

TITLES: Final = {"sandbox": "Test payment (nothing is charged)", "stripe": "Card"}
_STRIPE: Final = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY COP
CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD JOD JPY
KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK
NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TND TOP TRY
TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
"""
"""https://docs.stripe.com/currencies#presentment-currencies"""
PROVIDER_CURRENCIES: Final = {"sandbox": sorted(CURRENCIES), "stripe": sorted(CURRENCIES.intersection(_STRIPE.split()))}


def available_methods(providers: Iterable[str], caller: Caller) -> list[dict[str, Any]]:
    """The providers that the caller can pay with, as `schemas.api.payments.AvailableMethod`."""
    subject = Subject(caller.user_id, caller.user_id, frozenset(caller.roles))
    return [
        {"provider": name, "title": TITLES[name], "currencies": PROVIDER_CURRENCIES[name]}
        for name in providers
        if config.enabled(f"payments.{name}", subject)
    ]
