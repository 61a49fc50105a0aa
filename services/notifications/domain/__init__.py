"""Kinds of messages, their contents, and the recipients' preferences."""
