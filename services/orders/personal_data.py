"""Export and erasure of a person's data in orders."""

from abc import abstractmethod

from schemas.api.orders import CancelOrder
from schemas.caller import Caller
from services.chassis.common.errors import InvalidState
from services.chassis.messaging.personal_data import ERASED_NAME, Person, PersonalDataHandlers, Sections
from services.orders.commands import OrderCommands
from services.orders.domain.order import Order
from services.orders.domain.view import as_reply
from services.orders.readmodel import OrderReadModel
from services.orders.store import OrderStore, StoredOrder


class PersonalDataMethods(PersonalDataHandlers):
    """Orders of an account, and those that were placed as a guest with its verified address."""

    store: OrderStore
    lists: OrderReadModel

    @abstractmethod
    def _commands(self) -> OrderCommands: ...

    @abstractmethod
    def _drive(self, stored: StoredOrder) -> Order: ...

    def personal_data(self, person: Person) -> Sections:
        return {"orders": (as_reply(self.store.read(order_id).order) for order_id in self._orders_of(person))}

    def erase_person(self, person: Person) -> None:
        """Cancel what has not been shipped, since its address goes, and remove the person from all orders."""
        for order_id in self._orders_of(person):
            self._cancel_for_erasure(order_id, person)
            self.store.remove_person(order_id, person.erased_email, ERASED_NAME)
            self.lists.put([self.store.read(order_id).order], again=True)

    def _cancel_for_erasure(self, order_id: str, person: Person) -> None:
        stored = self.store.read(order_id)
        command = CancelOrder(order_id=order_id, caller=Caller(user_id=person.user_id, roles=["CUSTOMER"]))
        try:
            self._drive(self._commands().cancel(stored, command, owns=True))
        except InvalidState:  # it was shipped, has ended, or is in dispute
            return

    def _orders_of(self, person: Person) -> list[str]:
        of_guest = self.lists.guest_orders(person.verified_email) if person.verified_email else []
        return [*self.store.orders_of_user(person.user_id), *of_guest]
