"""Import this first in a process of ours: it leaves out what libraries load only because it is installed."""

from services.chassis import imports

imports.begin()
