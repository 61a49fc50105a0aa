"""Settings of the notifications service."""

from email.utils import parseaddr
from typing import Literal

from pydantic import Field, SecretStr

from services.chassis.runtime.settings import Settings


class NotificationSettings(Settings):
    mail_from: str = Field("UltraMarket <orders@ultramarket.example>", description="sender of the shop's mails")
    staff_email: str = Field("", description="address of the shop's staff, for disputes; empty: that of the sender")
    shop_name: str = Field("UltraMarket", description="name of the shop in messages")
    smtp_timeout: float = Field(10.0, gt=0, le=60, description="time limit of the mail server in seconds")
    secret_key: SecretStr = Field(min_length=16, description="the instance's secret")

    sms_provider: Literal["none", "sandbox", "twilio"] = Field("sandbox", description="SMS provider")
    twilio_account: str = Field("", description="Twilio's account SID")
    twilio_token: SecretStr = Field(SecretStr(""), description="Twilio's auth token")
    twilio_from: str = Field("", description="sender number of SMS")
    twilio_base_url: str = Field("", description="replaces Twilio's server in tests")

    vapid_private_key: SecretStr = Field(
        SecretStr(""), description="P-256 key (DER, base64url) that signs Web Push messages; empty disables push"
    )
    vapid_contact: str = Field("mailto:admin@ultramarket.example", description="contact address for push services")

    @property
    def staff_address(self) -> str:
        """The address that messages to the shop's staff are sent to."""
        return self.staff_email or parseaddr(self.mail_from)[1]

    @property
    def link_key(self) -> bytes:
        """The key that signs unsubscribe links and one-time tokens."""
        return self.secret_key.get_secret_value().encode()
