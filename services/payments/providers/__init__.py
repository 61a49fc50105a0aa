"""Those who move the money: one interface, the sandbox, and Stripe."""
