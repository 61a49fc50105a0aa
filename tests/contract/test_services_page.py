"""`docs/services.md` and its pictures say what the code says."""

from xml.etree import ElementTree

from services.chassis.runtime.registry import SERVICES
from ultramarket import servicemap


def test_the_page_and_its_pictures_are_current() -> None:
    behind = [path.name for path, text in servicemap.files(servicemap.rooms()).items() if path.read_text() != text]

    assert behind == [], "run `ultramarket services`"


def test_every_service_has_what_it_is_known_for() -> None:
    rooms = {room.name: room for room in servicemap.rooms()}

    assert list(rooms) == list(SERVICES)
    assert "place_order" in rooms["orders"].methods
    assert "POST /orders" in rooms["orders"].routes
    assert "order_confirmed" in rooms["orders"].says
    assert ("orders", "order_confirmed") in rooms["cart"].hears
    assert rooms["cart"].calls == ("products",)


def test_the_pictures_are_svg() -> None:
    for path in (servicemap.CALLS, servicemap.EVENTS):
        assert ElementTree.fromstring(path.read_text()).tag == "{http://www.w3.org/2000/svg}svg"
