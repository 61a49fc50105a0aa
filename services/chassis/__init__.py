"""What every service stands on: settings, RPC, events, stores, telemetry, errors, money, ids, paging."""
