"""Search relevance: judged queries over the demo catalogue, as nDCG@10, recall@20, and the share without result.

`bench/relevance.json` holds the queries. A judgement grades what a shopper who asks so would say of a product: 3 this
is it, 2 would do, 1 has to do with it; what no rule names is 0. Rules select by `id` (of the demo catalogue),
`category`, `tag`, `brand`, `title` (a regular expression), `min` and `max` (price); all that a rule names must hold,
and the best grade counts. They were written from the catalogue, not from what the engine finds.

`python -m bench.search_relevance --instance NAME` (default `dev`); `--misses` shows what is not as it should be.
"""

import argparse
import json
import math
import re
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
QUERIES = HERE / "relevance.json"
CATALOGUE = HERE.parent / "ultramarket" / "data" / "products.json"

Product = Mapping[str, Any]
Search = Callable[[str], Sequence[str]]
"""From a query to the SKUs found, the best first."""


def grade(judgements: Sequence[Mapping[str, Any]], product: Product) -> int:
    """The relevance grade of a product."""
    return max((rule["grade"] for rule in judgements if _holds(rule, product)), default=0)


def _holds(rule: Mapping[str, Any], product: Product) -> bool:
    checks: dict[str, Callable[[Any], bool]] = {
        "id": lambda ids: product["id"] in ids,
        "category": lambda slug: product["category"] == slug,
        "tag": lambda tag: tag in product.get("tags", ()),
        "brand": lambda brand: product.get("brand") == brand,
        "title": lambda pattern: re.search(pattern, product["title"]) is not None,
        "min": lambda price: product["price"] >= price,
        "max": lambda price: product["price"] <= price,
    }
    return all(checks[name](value) for name, value in rule.items() if name != "grade")


def ndcg(grades: Sequence[int], best: Sequence[int], depth: int = 10) -> float:
    """Discounted cumulative gain of what was found over that of the best order there is (gain 2^grade − 1)."""

    def gain(found: Sequence[int]) -> float:
        return sum((2**worth - 1) / math.log2(place + 2) for place, worth in enumerate(found[:depth]))

    ideal = gain(sorted(best, reverse=True))
    return gain(grades) / ideal if ideal else 1.0


def measure(search: Search) -> list[dict[str, Any]]:
    """Each query with its figures and its first ten."""
    products = {product["sku"]: product for product in json.loads(CATALOGUE.read_text())}
    results = []
    for entry in json.loads(QUERIES.read_text()):
        worth = {sku: grade(entry["judgements"], product) for sku, product in products.items()}
        relevant = [sku for sku, value in worth.items() if value]
        results_ = list(search(entry["q"]))
        grades = [worth.get(sku, 0) for sku in results_]
        results.append(
            {
                "q": entry["q"],
                "kind": entry["kind"],
                "ndcg": ndcg(grades, list(worth.values())),
                "recall": len(set(results_[:20]) & set(relevant)) / min(len(relevant), 20),
                "found": len(results_),
                "first": [f"{worth.get(sku, 0)} {products[sku]['title']}" for sku in results_[:10] if sku in products],
                "missing": [products[sku]["title"] for sku in relevant if sku not in results_[:20]],
            }
        )
    return results


def summary(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    count = len(results)
    return {
        "queries": count,
        "ndcg_10": round(sum(each["ndcg"] for each in results) / count, 4),
        "recall_20": round(sum(each["recall"] for each in results) / count, 4),
        "zero_results": round(sum(1 for each in results if not each["found"]) / count, 4),
    }


def over_http(url: str) -> Search:
    """Through the gateway, as a shopper searches."""

    def search(text: str) -> list[str]:
        query = urllib.parse.urlencode({"q": text, "limit": 20, "facets": ""})
        with urllib.request.urlopen(f"{url}/api/v1/search?{query}", timeout=10) as reply:
            return [item["sku"] for item in json.loads(reply.read())["data"]["items"]]

    return search


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.search_relevance", description=__doc__)
    parser.add_argument("--instance", default="dev", help="a running instance with the demo catalogue")
    parser.add_argument("--misses", action="store_true", help="show each query that is below 0.9")
    parser.add_argument("--json", action="store_true", help="figures only, for programs")
    arguments = parser.parse_args()
    from ultramarket.instance import load

    results = measure(over_http(load(arguments.instance).gateway_url))
    if arguments.json:
        sys.stdout.write(json.dumps(summary(results)) + "\n")
        return
    show(results, arguments.misses)


def show(results: Sequence[Mapping[str, Any]], misses: bool) -> None:
    console = Console()
    table = Table("kind", "queries", "nDCG@10", "recall@20", "finds nothing", box=None)
    kinds = dict.fromkeys(each["kind"] for each in results)
    for kind in (*kinds, None):
        row = summary([each for each in results if kind in (each["kind"], None)])
        nothing = f"{100 * row['zero_results']:.0f} %"
        table.add_row(kind or "all", str(row["queries"]), f"{row['ndcg_10']:.3f}", f"{row['recall_20']:.3f}", nothing)
    console.print(table)
    for each in results if misses else ():
        if each["ndcg"] < 0.9:
            console.print(f"\n[bold]{each['q']}[/] {each['ndcg']:.2f}, recall {each['recall']:.2f}", highlight=False)
            for line in each["first"]:
                console.print(f"   {line}", highlight=False)
            console.print(f"   [dim]missing: {', '.join(each['missing'][:6]) or 'none'}[/]", highlight=False)


if __name__ == "__main__":
    main()
