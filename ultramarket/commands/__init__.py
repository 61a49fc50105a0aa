"""The commands, by what they are about. Each is thin: parse, call, print, exit code."""
