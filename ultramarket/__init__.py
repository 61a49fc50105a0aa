"""The command `ultramarket`: the local stack of servers and services, and its operation."""
