"""Side by side with other shops: the same works, the same client, in turn on the same machine."""
