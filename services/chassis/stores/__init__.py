"""The databases: one provider each for PostgreSQL, MongoDB and Redis, with pools, time-outs and health."""
