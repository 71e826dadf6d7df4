"""Asks over every tunnel, again and again, whether anybody answers.

``prober.Prober`` is the door: one thread, one loop for all tunnels. It sends what ``schedule`` says is due and tells
the windows (``window``) what came back; whoever wants to know takes ``health(now)``, woken by ``on_change``. Targets
follow from the intent in ``targets``. Keep ``health`` and events apart: an event only says "look".
"""
