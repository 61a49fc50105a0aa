"""Providers of e-mail (SMTP), SMS (Twilio, sandbox) and Web Push."""
