"""The store of auth: accounts, sessions and recovery, and the parts that build on them."""

from sqlalchemy import Engine, select

from schemas.events.auth import RegistrationAttempted
from services.auth.api_keys import ApiKeys
from services.auth.attempts import LoginAttempts
from services.auth.directory import Directory
from services.auth.domain import normalised
from services.auth.erasure import AccountErasure
from services.auth.groups import Groups
from services.auth.identities import Identities
from services.auth.models import accounts
from services.auth.recovery import RecoveryStore
from services.auth.revocations import RevocationQueries
from services.auth.second_factors import PURPOSE, SecondFactors
from services.chassis.common import clock
from services.chassis.stores.encrypted import EncryptedColumn


class AuthStore(RecoveryStore):
    """All queries of auth, by subject."""

    encrypted_columns = (EncryptedColumn("second_factors", "secret", record="user_id", purpose=PURPOSE),)

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.attempts = LoginAttempts(self)
        self.second_factors = SecondFactors(self)
        self.api_keys = ApiKeys(self)
        self.identities = Identities(self)
        self.directory = Directory(self)
        self.groups = Groups(self)
        self.erasure = AccountErasure(self)
        self.revocations = RevocationQueries(self)

    def report_registration(self, email: str) -> None:
        """Have the owner of an address told that somebody tried to register it."""
        with self.transaction() as session:
            owner = session.execute(select(accounts).where(accounts.c.email_key == normalised(email))).one_or_none()
            if owner is not None and owner.status == "active" and owner.email_verified:
                self.emit(session, RegistrationAttempted(user_id=owner.id, email=owner.email))

    def delete_expired(self) -> None:
        super().delete_expired()
        self.revocations.delete_expired()
        self.attempts.delete_expired(clock.now())
