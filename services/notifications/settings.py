"""What the notifications service is told at start."""

from typing import Literal

from pydantic import Field, SecretStr

from services.chassis.runtime.settings import Settings


class NotificationSettings(Settings):
    mail_from: str = Field("UltraMarket <orders@ultramarket.example>", description="sender of the shop's mails")
    shop_name: str = Field("UltraMarket", description="what the shop calls itself")
    shop_url: str = Field("http://127.0.0.1:3000", description="where the shop's pages are")
    smtp_timeout: float = Field(10.0, gt=0, le=60, description="seconds that the mail server may take")
    secret_key: SecretStr = Field(min_length=16, description="the instance's secret")

    sms_provider: Literal["none", "sandbox", "twilio"] = Field("sandbox", description="who sends text messages")
    twilio_account: str = Field("", description="Twilio's account SID")
    twilio_token: SecretStr = Field(SecretStr(""), description="Twilio's auth token")
    twilio_from: str = Field("", description="number that text messages come from")
    twilio_base_url: str = Field("", description="another server in place of Twilio's, for tests")

    vapid_private_key: SecretStr = Field(
        SecretStr(""), description="P-256 key that Web Push is signed with (DER, base64url); empty: no push"
    )
    vapid_contact: str = Field("mailto:admin@ultramarket.example", description="whom push services write to")

    @property
    def link_key(self) -> bytes:
        """Signs links for unsubscribing."""
        return self.secret_key.get_secret_value().encode()
