"""Numbers of open sockets: in all, by address, by user."""

from collections import Counter

from services.chassis.common.errors import RateLimited, ServiceUnavailable


class Places:
    """Counts sockets; refuses those beyond the limits."""

    def __init__(self, most: int, most_of_address: int, most_of_user: int) -> None:
        self._most, self._most_of_address, self._most_of_user = most, most_of_address, most_of_user
        self._by_owner: Counter[str] = Counter()
        self.total = 0

    def enter(self, network: str) -> None:
        """Take a place. Raises `ServiceUnavailable` when all are taken, `RateLimited` for too many of one address."""
        if self.total >= self._most:
            raise ServiceUnavailable("There are too many sockets at the moment")
        self._take(f"network:{network}", self._most_of_address)
        self.total += 1

    def leave(self, network: str) -> None:
        self.total -= 1
        self.release(f"network:{network}")

    def enter_user(self, user_id: str) -> None:
        """Count a socket of a user as well. Raises `RateLimited`."""
        self._take(f"user:{user_id}", self._most_of_user)

    def leave_user(self, user_id: str) -> None:
        self.release(f"user:{user_id}")

    def release(self, owner: str) -> None:
        self._by_owner[owner] -= 1
        if self._by_owner[owner] <= 0:
            del self._by_owner[owner]

    def _take(self, owner: str, most: int) -> None:
        if self._by_owner[owner] >= most:
            raise RateLimited(f"At most {most} sockets at once")
        self._by_owner[owner] += 1
