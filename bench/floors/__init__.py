"""Floors: the least that the machine and its servers need at this moment, measured in turn with the works.

A figure of this machine alone says little, since its speed changes within minutes; its multiple of a floor that was
measured seconds before and after says how good the code is.
"""
