"""Payment providers: the interface, the sandbox, Stripe."""
