"""Tax by class of goods, country and region, in basis points, on prices without tax."""

from collections.abc import Mapping

Key = tuple[str, str | None, str]
"""Country, region (None for all of the country), tax class."""

SEEDED: tuple[tuple[str, str | None, str, int, str], ...] = (
    ("DE", None, "standard", 1900, "MwSt."),
    ("DE", None, "reduced", 700, "MwSt."),
    ("FR", None, "standard", 2000, "TVA"),
    ("FR", None, "reduced", 550, "TVA"),
    ("GB", None, "standard", 2000, "VAT"),
    ("GB", None, "reduced", 500, "VAT"),
    ("AT", None, "standard", 2000, "USt."),
    ("AT", None, "reduced", 1000, "USt."),
    ("NL", None, "standard", 2100, "Btw"),
    ("NL", None, "reduced", 900, "Btw"),
    ("ES", None, "standard", 2100, "IVA"),
    ("ES", None, "reduced", 1000, "IVA"),
    ("IT", None, "standard", 2200, "IVA"),
    ("IT", None, "reduced", 1000, "IVA"),
    ("US", "CA", "standard", 725, "Sales tax"),
    ("US", "NY", "standard", 400, "Sales tax"),
    ("US", "TX", "standard", 625, "Sales tax"),
    ("US", "FL", "standard", 600, "Sales tax"),
    ("US", "WA", "standard", 650, "Sales tax"),
    ("US", "IL", "standard", 625, "Sales tax"),
)
"""What a new installation starts with; an administrator keeps it up to date.

Europe: the standard and the first reduced rates of the member states, Council Directive 2006/112/EC as applied
(https://taxation-customs.ec.europa.eu, "VAT rates applied in the Member States"); United Kingdom: VAT Act 1994,
https://www.gov.uk/vat-rates. United States: the states' own sales tax without counties and cities (California Revenue
and Taxation Code with the statewide local part, New York Tax Law § 1105, Texas Tax Code § 151.051, …), as tabled by
https://taxfoundation.org/data/all/state/sales-tax-rates/. Where nothing is said, the rate is 0.
"""


def rate(rates: Mapping[Key, int], country: str | None, region: str | None, tax_class: str) -> int:
    """The rate of the region, else of its country, else 0. Goods of the class `zero` are never taxed.

    `region` is what an address says: the code after the country in ISO 3166-2 (`CA`, also `ca` and `US-CA`).
    """
    if country is None or tax_class == "zero":
        return 0
    code = region.strip().upper().removeprefix(f"{country}-") if region else None
    regional = rates.get((country, code, tax_class)) if code else None
    return regional if regional is not None else rates.get((country, None, tax_class), 0)
