"""Clothes that other packages' interfaces ask for; each module needs the package it is named for.

Nothing here is imported by ``import mehler``.
"""
