"""HTTP plumbing: parsing, envelopes, errors, conditional requests, streams."""
