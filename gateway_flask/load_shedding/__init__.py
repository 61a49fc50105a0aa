"""Load shedding: requests beyond what can be worked on wait for a bounded time, or are refused at once (ADR 0044)."""
