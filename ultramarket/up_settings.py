"""Settings that `ultramarket up` reads for an instance as a whole: layout, logs, fault proxy."""

from typing import Final

LAYOUTS: Final = ("compact", "separate")
LAYOUT_SETTING: Final = "ULTRAMARKET_LAYOUT"
CORE_PROCESSES_SETTING: Final = "ULTRAMARKET_CORE_PROCESSES"
FAULT_PROXY_SETTING: Final = "ULTRAMARKET_FAULT_PROXY"
LOG_SETTING: Final = "ULTRAMARKET_LOG_MEGABYTES"
SETTINGS_OF_UP: Final = {
    LAYOUT_SETTING: LAYOUTS,
    CORE_PROCESSES_SETTING: ("1", "2"),
    FAULT_PROXY_SETTING: ("on", "off"),
    LOG_SETTING: ("1", "5", "20", "100"),
}
"""Settings that `up` alone reads, not the processes, and their values."""


class UnknownValue(Exception):
    """A setting that only `up` reads has an unknown value."""

    def __init__(self, setting: str, value: str) -> None:
        self.setting = setting
        super().__init__(f"{setting}: {value!r} is none of {', '.join(SETTINGS_OF_UP[setting])}")


class InvalidSetting(Exception):
    """A setting of a server that `up` configures is malformed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"ULTRAMARKET_{field.upper()}: {message}")
