"""What the notifications service is told at start."""

from pydantic import Field

from services.chassis.settings import Settings


class NotificationSettings(Settings):
    mail_from: str = Field("UltraMarket <orders@ultramarket.example>", description="sender of the shop's mails")
    shop_name: str = Field("UltraMarket", description="what the shop calls itself")
    shop_url: str = Field("http://127.0.0.1:3000", description="where the shop's pages are")
    smtp_timeout: float = Field(10.0, gt=0, le=60, description="seconds that the mail server may take")
